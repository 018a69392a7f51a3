# The units under the real systemd: started, hardened, watched over, stopped.
# systemd wants to be process 1, which this script is: the test itself then runs as a unit, and ends the system.
. "$(dirname "$0")/lib"

if [[ ${1:-} != inside ]]; then
    if ! mountpoint -q /sys/fs/cgroup; then say 'SKIPPED: no control groups here'; exit 0; fi
    cat > /etc/systemd/system/test.service << END
[Unit]
After=basic.target
[Service]
Type=oneshot
Environment=HOME=/root LC_ALL=C.UTF-8
ExecStart=/bin/bash $0 inside
StandardOutput=append:/root/result
StandardError=append:/root/result
ExecStopPost=/bin/bash -c 'systemctl --no-block exit \$(if [ "\$SERVICE_RESULT" = success ]; then echo 0; else echo 1; fi)'
END
    rm -f /etc/systemd/system/*.wants/*
    for unit in getty.target systemd-logind systemd-udevd systemd-resolved systemd-timesyncd systemd-networkd ssh smbd \
        nmbd samba-ad-dc nginx postgresql e2scrub_reap; do ln -sf /dev/null /etc/systemd/system/$unit.service; done
    ln -sf /dev/null /etc/systemd/system/getty.target
    mkdir -p /etc/systemd/system/multi-user.target.wants
    ln -s /etc/systemd/system/test.service /etc/systemd/system/multi-user.target.wants/
    ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
    exec env -i container=importer-test PATH="$PATH" /lib/systemd/systemd --system --log-target=null --show-status=no
fi

install_package
start_postgres
systemctl start product-importer-watch product-importer-serve || { systemctl status --no-pager -l product-importer-serve product-importer-watch; journalctl --no-pager -n 30 -u product-importer-serve; exit 1; }
for unit in watch serve; do
    say "$unit: $(systemctl show -p ActiveState,NRestarts --value product-importer-$unit | paste -sd ' '), exposure $(systemd-analyze security product-importer-$unit 2> /dev/null | tail -n 1 | sed -E 's/.*: //')"
done
wait_for 20 curl -fs http://127.0.0.1:8000/ready
echo 'sku,name
A-1,Scarf' > /tmp/a.csv
install -m 660 -o root -g product-importer-drop /tmp/a.csv $state/inbox/a.csv
wait_for 30 test -e $state/outbox/a.csv.json
say "$(imported a.csv)"

# One that no longer moves is ended and started again: the watchdog.
mkdir -p /run/systemd/system/product-importer-watch.service.d
printf '[Service]\nWatchdogSec=2\n' > /run/systemd/system/product-importer-watch.service.d/test.conf
systemctl daemon-reload
systemctl restart product-importer-watch
sleep 5
[[ $(systemctl show -p NRestarts --value product-importer-watch) == 0 ]] || die 'a healthy process was ended'
kill -STOP "$(systemctl show -p MainPID --value product-importer-watch)"
restarted() { (($(systemctl show -p NRestarts --value product-importer-watch) > 0)) && systemctl is-active product-importer-watch; }
wait_for 30 restarted
say 'the watchdog ended a process that stood still, and it is running again'

systemctl stop product-importer-watch product-importer-serve
[[ $(systemctl show -p Result --value product-importer-watch) == success ]]
say 'stopped in order'
dpkg --purge product-importer
