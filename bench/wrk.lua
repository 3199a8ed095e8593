-- Random keys in path, or a random block of them in the body; at the end one line of JSON.
-- Arguments: method, path with {key}, keys, headers, body with {block}.
local method, path, keys, body, pieces
local headers = {}

function init(args)
   method, path, keys, body = args[1], args[2], tonumber(args[3]), args[5]
   if body:find("{block}", 1, true) then
      pieces = {}
      for piece in (body .. "{block}"):gmatch("(.-){block}") do
         pieces[#pieces + 1] = piece
      end
   end
   for line in args[4]:gmatch("[^\r\n]+") do
      local name, value = line:match("^([^:]+): (.*)$")
      headers[name] = value
   end
   math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 100000)
end

function request()
   local full = path:gsub("{key}", "k" .. math.random(keys))
   local sent = body
   if pieces then
      sent = table.concat(pieces, tostring(math.random(keys)))
   end
   return wrk.format(method, full, headers, sent ~= "" and sent or nil)
end

function done(summary, latency)
   io.stdout:write(string.format(
      'RESULT {"requests": %d, "us": %d, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
      summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write
         + summary.errors.timeout))
end
