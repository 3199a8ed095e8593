"""How people rule the life of keys: turning over, sealing anew, retiring, destroying, custody."""
