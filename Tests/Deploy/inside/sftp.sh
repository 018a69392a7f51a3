# deploy/sftp with OpenSSH: a user who sees inbox and outbox and nothing else.
. "$(dirname "$0")/lib"

install_package
start_postgres
install -m 644 /test/deploy/sftp/product-importer.conf /etc/ssh/sshd_config.d/
useradd --groups product-importer-drop --home-dir /home/shop --create-home --shell /usr/sbin/nologin shop
ssh-keygen -q -t ed25519 -N '' -f /root/key
install -d -o shop -g shop -m 700 /home/shop/.ssh
install -o shop -g shop -m 600 /root/key.pub /home/shop/.ssh/authorized_keys
ssh-keygen -A > /dev/null
mkdir -p /run/sshd
/usr/sbin/sshd -t
/usr/sbin/sshd
start watch
wait_for 20 test -e $state/inbox/.work/.lock

options=(-q -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes)
send() { sftp "${options[@]}" -b - shop@127.0.0.1; }

{ echo 'sku,name'; seq -f 'S-%.0f,Scarf' 20000; } > /root/stock.csv
# As careful clients do, then as all others do.
printf 'put /root/stock.csv stock.csv.part\nrename stock.csv.part stock.csv\n' | send
wait_for 30 test -e $state/outbox/stock.csv.json
say "put and renamed: $(imported stock.csv)"
printf 'put /root/stock.csv plain.csv\n' | send
wait_for 30 test -e $state/outbox/plain.csv.json
say "put under its name: $(imported plain.csv)"
printf 'put /root/stock.csv preview/try.csv\n' | send
wait_for 30 test -e $state/outbox/preview/try.csv.json

# The result comes back the same way.
(cd /root && printf 'get /outbox/plain.csv.json answer.json\n' | send)
grep -q '"state" *: *"completed"' /root/answer.json
say 'the progress object was fetched over SFTP'

printf 'put /root/stock.csv /outbox/evil.csv\n' | send && die 'the outbox can be written'
printf 'ls /var/postgres\n' | send && die 'the data folder can be read'
printf 'get /../../../etc/passwd /root/stolen\n' | send && die 'the chroot has a hole'
ssh "${options[@]}" shop@127.0.0.1 true && die 'there is a shell'
ssh "${options[@]}" -N -o ExitOnForwardFailure=yes -W 127.0.0.1:5432 shop@127.0.0.1 < /dev/null && die 'ports are forwarded'
say 'no shell, no forwarding, nothing outside, the outbox is read-only'
