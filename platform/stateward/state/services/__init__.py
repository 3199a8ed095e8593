"""Every write of state, one public function per use case: ``entries`` (put, patch, delete, roll
back), ``namespaces``, ``expiry``.
"""
