# deploy/nginx with Debian's nginx: TLS, log-in, a large upload, events, forwarded names.
. "$(dirname "$0")/lib"

install_package
start_postgres
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=products.example \
    -addext subjectAltName=DNS:products.example -keyout /etc/ssl/private/products.example.key \
    -out /etc/ssl/certs/products.example.pem 2> /dev/null
install -m 644 /test/deploy/nginx/product-importer.conf /etc/nginx/sites-enabled/
rm -f /etc/nginx/sites-enabled/default
nginx -t
nginx
cat >> /etc/product-importer/environment << END
IMPORTER_ADMIN_PASSWORD=a-password
IMPORTER_API_TOKEN=a-token
IMPORTER_ALLOWED_HOSTS=products.example
IMPORTER_TRUSTED_PROXIES=127.0.0.1
IMPORTER_MAX_REJECT_PERCENT=100
END
start watch
start serve
wait_for 20 curl -fs http://127.0.0.1:8000/health

site=https://products.example
ask() { curl -sS --cacert /etc/ssl/certs/products.example.pem --resolve products.example:443:127.0.0.1 \
    --resolve products.example:80:127.0.0.1 "$@"; }
token=(-H 'Authorization: Bearer a-token')

[[ $(ask -o /dev/null -w '%{http_code} %{redirect_url}' http://products.example/products) == "308 $site/products" ]]
[[ $(ask -o /dev/null -w '%{http_code}' $site/api/products) == 401 ]]
ask -H 'Accept: text/html' -o /dev/null -w '%{http_code} %{redirect_url}\n' $site/ | grep -q "^303 $site/login"
# As the form of the page does; the cookie is for TLS alone, because the proxy says that it is TLS.
ask -c /root/cookies -o /dev/null -w '%{http_code}\n' -H "Origin: $site" --data-urlencode password=a-password \
    --data-urlencode next=/ $site/login | grep -q '^303'
grep -q 'products.example.*TRUE' /root/cookies
ask -b /root/cookies $site/ | grep -q '<h1>Imports'
ask -b /root/cookies -H 'Origin: https://evil.example' -X DELETE -o /dev/null -w '%{http_code}' $site/api/products | grep -q 403
say 'pages, log-in with a cookie for TLS only, redirects to the public name, foreign origins refused'
[[ $(ask -o /dev/null -w '%{http_code}' "${token[@]}" $site/metrics) == 403 ]]
curl -sS "${token[@]}" http://127.0.0.1:8000/metrics | grep -q '^importer_database_up 1'

# A file of 1 GB, and no more memory for it than before.
gigabyte() {
    echo 'sku,name,description'
    local text
    text=$(head -c 100000 /dev/zero | tr '\0' x)
    awk -v text="$text" 'BEGIN { for (i = 1; i <= 10000; i++) print "B-" i ",Book," text }'
}
gigabyte > /root/big.csv
size=$(stat -c %s /root/big.csv)
peak() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$pid_serve/status"; }
before=$(peak)
started=$(date +%s.%N)
answer=$(ask "${token[@]}" -F file=@/root/big.csv $site/upload)
seconds=$(echo "$(date +%s.%N) $started" | awk '{ printf "%.1f", $1 - $2 }')
after=$(peak)
id=$(sed -E 's/.*"job_id":"([^"]*)".*/\1/' <<< "$answer")
say "upload of $size bytes through TLS in $seconds s; peak memory of the server before $before MB, after $after MB"
((after - before < 50)) || die 'the server held the file in memory'

# Events come while it is imported, not at its end; curl stops with the stream.
ask -N --max-time 300 "${token[@]}" "$site/api/imports/$id/events" | while IFS= read -r line; do
    printf '%s %s\n' "$(date +%s.%N)" "$line"
done > /root/events || true
tail -n 5 /root/events | grep -q '"state" *: *"completed"' || die "$(tail -n 3 /root/events)"
say "$(grep -c ' data:' /root/events) events over $(awk 'NR == 1 { first = $1 } { last = $1 } END { printf "%.1f", last - first }' /root/events) s: $(imported big.csv)"
