package image

import (
	"slices"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// PlatformFlag returns "--platform OS/ARCH " for a docker command, or nothing
// for a platform that is in nobody's list: docker 20.10 takes the flag, but a
// vendor's engine may have another name for its own machine.
// Source: containerd platforms/database.go, and docker's official images.
func PlatformFlag(p sdk.Platform) string {
	if p.OS != "linux" || !slices.Contains([]string{
		"386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x",
	}, p.Architecture) {
		return ""
	}
	return "--platform " + p.String() + " "
}

// RunCommand returns the command that starts a shell in a loaded image.
func RunCommand(p sdk.Platform, tag string) string {
	return "docker run --rm -it " + PlatformFlag(p) + tag
}
