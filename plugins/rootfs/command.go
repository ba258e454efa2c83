package rootfs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// importTar imports an archive into docker, and runs it.
func importTar(name string, img sdk.Image) []string {
	tag := strings.ToLower(name) + ":" + strings.ToLower(img.Arch)
	return []string{
		fmt.Sprintf("docker import %s-c 'CMD [\"/bin/sh\"]' {path} %s", image.PlatformFlag(img.Platform), tag),
		image.RunCommand(img.Platform, tag),
	}
}

// enterFolder makes a folder the root of a shell.
func enterFolder(string, sdk.Image) []string {
	return []string{"unshare --map-root-user chroot {path} /bin/sh"}
}

func listZip(string, sdk.Image) []string { return []string{"unzip -l {path}"} }

func listSquashfs(string, sdk.Image) []string { return []string{"unsquashfs -lln {path}"} }

func listErofs(string, sdk.Image) []string { return []string{"dump.erofs --ls --path=/ {path}"} }

// bootExt4 boots an image of a file system, or lists it.
func bootExt4(_ string, img sdk.Image) []string {
	if img.Boot == nil {
		return []string{"debugfs -R 'ls -l' {path}"}
	}
	return []string{bootDrive(img.Boot, "raw", 0)}
}

// bootDisk boots an image of a disk in one of QEMU's formats, or lists its
// partitions.
func bootDisk(format string) func(name string, img sdk.Image) []string {
	return func(_ string, img sdk.Image) []string {
		switch {
		case img.Boot != nil:
			return []string{bootDrive(img.Boot, format, 1)}
		case format == "raw":
			return []string{"sfdisk --list {path}"}
		}
		return []string{"qemu-img info {path}"}
	}
}

// bootDrive returns the command that boots an image with the user's KERNEL,
// which has the drivers of the disk and of ext4 in it. The root is a partition
// of the disk, or the disk as a whole for 0. Disks are those of NVMe, whose
// driver distributions' kernels have built in more often than that of virtio's:
// Debian's cloud kernels do. Machines of s390x have no such disks.
func bootDrive(b *sdk.Boot, format string, partition int) string {
	medium, device, separator := "-drive if=none,id=disk,format="+format+",file={path} -device nvme,drive=disk,serial=disk", "nvme0n1", "p"
	if strings.HasSuffix(b.System, "-s390x") {
		medium, device, separator = "-drive if=virtio,format="+format+",file={path}", "vda", ""
	}
	if partition > 0 {
		device += separator + strconv.Itoa(partition)
	}
	return qemu(b, medium, "root=/dev/"+device+" rw rootwait")
}

// bootInitramfs returns the command that boots an initramfs with the user's
// KERNEL.
func bootInitramfs(b *sdk.Boot, c compression.Format) []string {
	if b == nil {
		return nil
	}
	if b.NoInitrd {
		if c != compression.None {
			return nil
		}
		// In the kernel's source tree: the initramfs becomes part of the kernel.
		return []string{"scripts/config --set-str INITRAMFS_SOURCE {path}"}
	}
	return []string{qemu(b, "-initrd {path}", "")}
}

// qemu returns a command that boots. Standard input stays the terminal, for
// the shell.
func qemu(b *sdk.Boot, medium, kernelOptions string) string {
	memory := b.MemoryMiB
	if memory == 0 {
		memory = 256
	}
	words := append([]string{b.System}, b.Args...)
	words = append(words, "-m", fmt.Sprint(memory), "-nographic", "-no-reboot", "-kernel", "KERNEL", medium,
		fmt.Sprintf("-append \"%s\"", strings.TrimSpace(kernelOptions+" console="+b.Console+" panic=1")))
	return strings.Join(words, " ")
}
