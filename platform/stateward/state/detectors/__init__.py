"""What in a value looks personal or secret, where, how surely and why. Plain Python, free of I/O.

A finding names a place and a kind, never what stands there. Detectors look at two things: how a
member is called and what is beside it (``names``), and how a text looks (``texts``), with checksums
where the kind has one (``numbers``). ``looking`` goes through a value within a budget; ``masking``
puts a mask where something was found.

The work is bounded: patterns repeat at most so often (a test reads them), a text is looked at in
pieces, and a value that is larger than the budget is said not to have been looked through.
"""
