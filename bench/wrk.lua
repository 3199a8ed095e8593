-- Random keys in path; at the end one line of JSON. Arguments: method, path with {key}, keys, headers, body.
local method, path, keys, body
local headers = {}

function init(args)
   method, path, keys, body = args[1], args[2], tonumber(args[3]), args[5]
   for line in args[4]:gmatch("[^\r\n]+") do
      local name, value = line:match("^([^:]+): (.*)$")
      headers[name] = value
   end
   math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 100000)
end

function request()
   local full = path:gsub("{key}", "k" .. math.random(keys))
   return wrk.format(method, full, headers, body ~= "" and body or nil)
end

function done(summary, latency)
   io.stdout:write(string.format(
      'RESULT {"requests": %d, "us": %d, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
      summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write
         + summary.errors.timeout))
end
