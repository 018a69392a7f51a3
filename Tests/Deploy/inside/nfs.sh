# deploy/nfs with nfs-ganesha, a server that is no part of the kernel, and libnfs, a client of the same kind.
. "$(dirname "$0")/lib"

# An overlay gives out no handles of files, which an NFS server lives on.
mkdir -p $state
mount -t tmpfs -o mode=755 tmpfs $state
install_package
start_postgres
group=$(getent group product-importer-drop | cut -d: -f3)
{
    echo 'NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; }'
    echo 'NFSv4 { Graceless = true; RecoveryBackend = fs; }'
    sed "s/65534;  # the number/$group;/" /test/deploy/nfs/product-importer.conf
} > /etc/ganesha/ganesha.conf
mkdir -p /run/ganesha /var/lib/nfs/ganesha
start watch
wait_for 20 test -e $state/inbox/.work/.lock
trap '(($? == 0)) || tail -n 20 /root/ganesha.log >&2' EXIT
ganesha.nfsd -L /root/ganesha.log -f /etc/ganesha/ganesha.conf -p /run/ganesha.pid
at() { echo "nfs://127.0.0.1/$1?version=4"; }
wait_for 20 nfs-ls "$(at inbox)"

# libnfs 4.0 and nfs-ganesha 4.3 do not get a larger file across; the import does not mind its size.
{ echo 'sku,name'; seq -f 'S-%.0f,Scarf' 60; } > /root/stock.csv
nfs-cp /root/stock.csv "$(at inbox/stock.csv)" > /dev/null
wait_for 30 test -e $state/outbox/stock.csv.json
say "copied to the export: $(imported stock.csv)"
nfs-cat "$(at outbox/stock.csv.json)" | grep -q '"state" *: *"completed"' || die 'the outbox cannot be read'
nfs-cp /root/stock.csv "$(at outbox/evil.csv)" > /dev/null 2>&1 && die 'the outbox can be written'
nfs-ls "$(at inbox/.work)" > /dev/null 2>&1 && die 'the work folder can be seen'
say 'the outbox is read-only, work folders are closed'
