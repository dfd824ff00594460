#!/bin/sh
# Makes the certificates of test_tls.py anew: an authority that only this test trusts, and four servers.
# The keys guard nothing. All but the expired one hold until 2125.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
new_key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"

openssl req -x509 $new_key -keyout "$work/authority.key" -out authority.crt -days 36500 -subj "/CN=Authority of a test"
openssl req -x509 $new_key -keyout "$work/key" -out "$work/crt" -days 36500 -subj "/CN=server" -addext "subjectAltName=IP:127.0.0.1"
cat "$work/key" "$work/crt" > self_signed.pem

touch "$work/index"
cat > "$work/settings" <<END
[ca]
default_ca=authority
[authority]
database=$work/index
new_certs_dir=$work
rand_serial=yes
default_md=sha256
policy=any
copy_extensions=copy
[any]
commonName=supplied
END

sign() { # file, name, first moment, last moment
  openssl req $new_key -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$1" -addext "subjectAltName=$2"
  openssl ca -batch -notext -config "$work/settings" -cert authority.crt -keyfile "$work/authority.key" \
    -startdate "$3" -enddate "$4" -in "$work/$1.csr" -out "$work/$1.crt"
  cat "$work/$1.key" "$work/$1.crt" > "$1.pem"
}
sign right IP:127.0.0.1 20250101000000Z 21250101000000Z
sign wrong_name DNS:elsewhere.example 20250101000000Z 21250101000000Z
sign expired IP:127.0.0.1 20250101000000Z 20250102000000Z
