package armv5_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/armv5"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// TestRefusesHardFloat offers the compiler of armv7, which has all but the
// floating point in common.
func TestRefusesHardFloat(t *testing.T) {
	cc, err := exec.LookPath("arm-linux-gnueabihf-gcc")
	if err != nil {
		t.Skip("apt-get install gcc-arm-linux-gnueabihf")
	}
	_, err = armv5.New().Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) || !strings.Contains(problems[0].Detail, "it is one for armv7") {
		t.Errorf("err = %v", err)
	}
}

func TestELF(t *testing.T) {
	for flags, want := range map[uint32]bool{0x5000200: true, 0x5000400: false, 0x5000000: false} {
		if got := (elfhead.Header{Bits: 32, Type: 2, Machine: 40, Flags: flags}).Matches(armv5.Info().ELF); got != want {
			t.Errorf("an executable with flags %#x is ours: %v, want %v", flags, got, want)
		}
	}
}
