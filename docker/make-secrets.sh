#!/bin/sh
# Make the secrets that docker-compose.yml mounts, once; what is there stays.
# Keep a copy of secrets/root_key somewhere else: without it no stored value can be read.
set -eu
folder="${1:-secrets}"
umask 077
mkdir -p "$folder"

random() { # random BYTES: that many random bytes in hexadecimal digits
    od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

keep() { # keep NAME VALUE: written only where there is none yet
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        # The container's user is not ours; the folder keeps everybody else out.
        chmod 0444 "$folder/$1"
    fi
}

keep secret_key "$(random 40)"
keep root_key "$(random 32)"
keep postgres_password "$(random 24)"
keep redis_password "$(random 24)"
keep superuser_database_url "postgresql://postgres:$(cat "$folder/postgres_password")@postgres:5432/stateward"
keep owner_database_url "postgresql://stateward_owner:$(random 24)@postgres:5432/stateward"
keep database_url "postgresql://stateward_app:$(random 24)@postgres:5432/stateward"
keep sequencer_database_url "postgresql://stateward_sequencer:$(random 24)@postgres:5432/stateward"
keep scratch_database_url "postgresql://stateward_scratch:$(random 24)@postgres:5432/stateward"
keep redis_url "redis://:$(cat "$folder/redis_password")@redis:6379/0"

echo "The secrets are in $folder. Copy $folder/root_key to a safe place now."
