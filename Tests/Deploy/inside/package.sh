# The Debian package: installed, used, upgraded, removed, purged.
. "$(dirname "$0")/lib"

find / -xdev \( -path /proc -o -path /test -o -path /var/lib/dpkg -o -path /var/log \) -prune -o -print | sort > /root/before
getent passwd > /root/passwd.before

install_package
say "product-importer $(product-importer --version)"
man -P cat product-importer | grep -q IMPORTER_INBOX
say "manual page: $(man -P cat product-importer 2> /dev/null | wc -l) lines"
bash -n /usr/share/bash-completion/completions/product-importer
[[ -s /usr/share/zsh/vendor-completions/_product-importer && -s /usr/share/fish/vendor_completions.d/product-importer.fish ]]
systemd-analyze verify /usr/lib/systemd/system/product-importer-*.service
[[ $(stat -c '%U:%G %a' /etc/product-importer/environment) == 'root:product-importer 640' ]]
[[ $(stat -c '%U:%G %a' $state/inbox) == 'product-importer:product-importer-drop 2770' ]]

start_postgres
start watch
start serve
wait_for 20 curl -fs http://127.0.0.1:8000/ready
printf 'sku,name\nA-1,Scarf\n' > /tmp/a.csv
chown product-importer /tmp/a.csv
mv /tmp/a.csv $state/inbox/
wait_for 20 test -e $state/outbox/a.csv.json
say "$(imported a.csv)"

# An upgrade keeps what was changed in the settings.
echo 'IMPORTER_SCAN_SECONDS=7' >> /etc/product-importer/environment
install_package
grep -q '^IMPORTER_SCAN_SECONDS=7' /etc/product-importer/environment
say 'installed again over itself: settings kept'

kill "$pid_watch" "$pid_serve"
wait "$pid_watch" "$pid_serve"
dpkg --remove product-importer
[[ ! -e /usr/bin/product-importer && -e /etc/product-importer/environment && -e $state/outbox/a.csv.json ]]
echo 'sku' > $state/inbox/left.csv
dpkg --purge product-importer
[[ -e $state/inbox/left.csv && ! -e $state/outbox ]]
say 'removed and purged: a file that was not imported is kept'

# Once more, without such a file: nothing is left.
rm -r $state
install_package
dpkg --purge product-importer
as postgres dropdb product-importer
as postgres dropuser product-importer
pg_dropcluster --stop 15 main
find / -xdev \( -path /proc -o -path /test -o -path /var/lib/dpkg -o -path /var/log \) -prune -o -print | sort > /root/after
diff <(grep -v '^/root/\|postgresql\|/var/cache\|^/etc/.*-$\|^/run\|^/tmp\|\.pwd\.lock' /root/before) \
    <(grep -v '^/root/\|postgresql\|/var/cache\|^/etc/.*-$\|^/run\|^/tmp\|\.pwd\.lock' /root/after)
diff /root/passwd.before <(getent passwd)
say 'purged: files and users are as before'
