"""Writes that wait until other people agree to them.

A policy says where: it forbids a write ``unless { context.approved }``. Such a write is prepared as
any other, and kept, sealed, instead of being done; readers and followers see nothing of it. Once as
many people as the tenant asks for have agreed, it is carried out by the same function, in the name
of whoever asked, if each entry is still at the version of then.
"""
