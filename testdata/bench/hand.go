package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The steps by hand, as a person types them. $SOURCE, $WORK, $JOBS and $N
// come from the environment.
const (
	unpack = `mkdir "$WORK" && cd "$WORK" && tar -xf "$SOURCE" --strip-components=1
`
	// These are mkmini's settings over busybox's defconfig.
	configure = `make defconfig
sed -i 's/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/' .config
for symbol in FEATURE_PREFER_APPLETS FEATURE_SH_STANDALONE FEATURE_INETD_RPC; do
	sed -i "s/^CONFIG_$symbol=y/# CONFIG_$symbol is not set/" .config
done
sed -i 's/^CONFIG_LAST_SUPPORTED_WCHAR=.*/CONFIG_LAST_SUPPORTED_WCHAR=0/' .config
yes '' | make oldconfig
`
	compile = `make -j"$JOBS"
`
	layout = `rm -rf _install && make install
cd _install
mkdir -p usr/lib usr/lib64 usr/local usr/include var/lib var/run var/local var/log tmp dev etc proc sys root srv
chmod 1777 tmp
ln -sfn usr/lib lib
ln -sfn usr/lib64 lib64
`
	message = `echo "mini $N" > etc/motd
`
	pack = `tar -cf ../rootfs.tar .
find . | cpio -o -H newc --quiet | gzip > ../initramfs.cpio.gz
`
)

// byHand returns the command that runs a script as run n in the folder of run
// work of the cold scenario.
func (b *bench) byHand(ctx context.Context, work, n int, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -eu\n"+script)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SOURCE="+b.source,
		"WORK="+filepath.Join(b.dir, fmt.Sprintf("hand%d", work)),
		fmt.Sprintf("JOBS=%d", b.jobs), fmt.Sprintf("N=%d", n))
	return cmd
}

func (b *bench) handCold(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byHand(ctx, n, n, unpack+configure+compile+layout+message+pack), nil
}

func (b *bench) handNothing(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byHand(ctx, 0, n, `cd "$WORK"
`+compile+layout+message+pack), nil
}

func (b *bench) handFile(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byHand(ctx, 0, n+100, `cd "$WORK/_install"
`+message+pack), nil
}

// applets are left out one after another, so that no two runs are the same.
var applets = []string{"TELNETD", "FTPD", "HTTPD", "TFTPD", "UDHCPD", "CROND", "INETD", "SYSLOGD", "KLOGD", "LPD"}

func (b *bench) handApplet(ctx context.Context, n int) (*exec.Cmd, error) {
	symbol := applets[n%len(applets)]
	return b.byHand(ctx, 0, n, `cd "$WORK"
sed -i "s/^CONFIG_`+symbol+`=y/# CONFIG_`+symbol+` is not set/" .config
yes '' | make oldconfig
`+compile+layout+message+pack), nil
}

// applet returns the name of the applet that run n leaves out.
func applet(n int) string { return strings.ToLower(applets[n%len(applets)]) }
