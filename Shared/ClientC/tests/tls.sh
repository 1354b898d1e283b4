#!/usr/bin/env bash
# Runs a test over TLS: makes an authority and a certificate for 127.0.0.1 in FOLDER, then
#   tls.sh FOLDER with_server… SERVER -- PROGRAM
# with the certificate given to the server, and the authority to the program by its environment.
set -euo pipefail
folder=$1
shift
mkdir -p "$folder"
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
for authority in right wrong; do
    openssl req -x509 "${new_key[@]}" -keyout "$folder/$authority.key" -out "$folder/$authority.pem" \
        -subj "/CN=$authority" 2>/dev/null
done
openssl req "${new_key[@]}" -keyout "$folder/server.key" -out "$folder/server.csr" -subj /CN=server 2>/dev/null
openssl x509 -req -in "$folder/server.csr" -CA "$folder/right.pem" -CAkey "$folder/right.key" -CAcreateserial -days 2 \
    -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') -out "$folder/server.pem" 2>/dev/null
export CDT_TEST_AUTHORITIES=$folder/right.pem CDT_TEST_WRONG_AUTHORITIES=$folder/wrong.pem
# The server's own certificate serves as a client's too.
export CDT_TEST_CERTIFICATE=$folder/server.pem CDT_TEST_KEY=$folder/server.key CDT_TEST_WRONG_KEY=$folder/wrong.key
command=()
for word in "$@"; do
    [ "$word" != -- ] || command+=(--tls-certificate "$folder/server.pem" --tls-key "$folder/server.key")
    command+=("$word")
done
exec "${command[@]}"
