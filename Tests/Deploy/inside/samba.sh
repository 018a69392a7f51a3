# deploy/samba with smbd: a share to drop into, and one to look at.
. "$(dirname "$0")/lib"

install_package
start_postgres
install -m 644 /test/deploy/samba/product-importer.conf /etc/samba/product-importer.conf
echo 'include = /etc/samba/product-importer.conf' >> /etc/samba/smb.conf
testparm -s > /root/testparm.txt 2>&1
useradd --groups product-importer-drop --no-create-home --shell /usr/sbin/nologin anna
printf 'secret\nsecret\n' | smbpasswd -s -a anna > /dev/null
mkdir -p /run/samba
smbd --daemon --no-process-group
start watch
wait_for 20 test -e $state/inbox/.work/.lock
share() { smbclient "//127.0.0.1/$1" -U anna%secret -c "$2"; }
wait_for 20 share inbox ls

{ echo 'sku,name'; seq -f 'S-%.0f,Scarf' 20000; } > /root/stock.csv
share inbox 'put /root/stock.csv stock.csv'
wait_for 30 test -e $state/outbox/stock.csv.json
say "copied into the share: $(imported stock.csv)"
share outbox 'get stock.csv.json /root/answer.json'
grep -q '"state" *: *"completed"' /root/answer.json
share outbox 'put /root/stock.csv evil.csv' && die 'the outbox can be written'
share inbox 'cd .work' && die 'the work folder can be seen'
smbclient //127.0.0.1/inbox -N -c ls && die 'anybody may come in'
say 'the outbox is read-only, work folders are hidden, guests stay out'
