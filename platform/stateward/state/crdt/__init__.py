"""Values that replicas change independently and that converge (mode ``crdt``).

Each key is a Yjs document of one root, named ``value``: what pycrdt, Yjs and every other
implementation of that format can hold and change offline. A replica sends what it did as a binary
update (``apply``); the other actions are done on the server's own replica of the document. The
value that is read is plain JSON, computed from the document; the document itself (the *replica
state*) is sealed beside it in the same revision, so it is backed up, purged and re-encrypted with
it.

    type      root    holds                                    read as
    counter   map     replica's name → its sum, as JSON text   the sum over all replicas
    set       array   each addition's item, as JSON text       items that any addition is left of
    map       map     member → its value, as JSON text         an object, members by name
    text      text    the text                                 the text

*Counter*: each replica writes only under its own name, so no increment is lost. *Set*: removing an
item removes the additions that were seen, and no other: an addition made meanwhile stays
(observed-remove). *Map*: of two that set one member, the one that knew of the other wins; if
neither did, Yjs decides by replica id, alike everywhere. Values are JSON as text because integers
in Yjs have 53 bits.
"""
