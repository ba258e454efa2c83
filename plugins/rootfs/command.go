package rootfs

import (
	"fmt"
	"strings"

	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// commands use what was written.
func commands(name string, img sdk.Image, kind, suffix string) []string {
	switch kind {
	case "tar":
		tag := strings.ToLower(name) + ":" + strings.ToLower(img.Arch)
		return []string{
			fmt.Sprintf("docker import %s-c 'CMD [\"/bin/sh\"]' {path} %s", image.PlatformFlag(img.Platform), tag),
			image.RunCommand(img.Platform, tag),
		}
	case "cpio":
		return boot(img.Boot, suffix)
	}
	return []string{"unshare --map-root-user chroot {path} /bin/sh"}
}

// boot returns the command that boots an initramfs with the user's KERNEL.
// Standard input stays the terminal, for the shell.
func boot(b *sdk.Boot, suffix string) []string {
	if b == nil {
		return nil
	}
	if b.NoInitrd {
		if suffix != "" {
			return nil
		}
		// In the kernel's source tree: the initramfs becomes part of the kernel.
		return []string{"scripts/config --set-str INITRAMFS_SOURCE {path}"}
	}
	memory := b.MemoryMiB
	if memory == 0 {
		memory = 256
	}
	words := append([]string{b.System}, b.Args...)
	words = append(words, "-m", fmt.Sprint(memory), "-nographic", "-no-reboot",
		"-kernel", "KERNEL", "-initrd", "{path}", "-append", fmt.Sprintf("\"console=%s panic=1\"", b.Console))
	return []string{strings.Join(words, " ")}
}
