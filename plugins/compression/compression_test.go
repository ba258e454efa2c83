package compression_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// text returns half noise, half not.
func text(n int) []byte {
	source := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(source.IntN(64) * (i >> 12 % 2))
	}
	return b
}

// sample returns something to compress: several blocks, but for xz, which is
// slow and has none.
func sample(format compression.Format) []byte {
	if format == compression.XZ {
		return text(200_000)
	}
	return text(5 << 18)
}

// compress writes in pieces, as an archive writer does.
func compress(w io.Writer, format compression.Format, jobs int, plain []byte) error {
	z, err := compression.NewWriter(w, format, jobs)
	if err != nil {
		return err
	}
	for len(plain) > 0 && err == nil {
		n := min(len(plain), 100_000)
		_, err = z.Write(plain[:n])
		plain = plain[n:]
	}
	return errors.Join(err, z.Close())
}

// tools are what others wrote for each format, by Debian package.
var tools = map[compression.Format]string{compression.Gzip: "gzip", compression.XZ: "xz", compression.Zstd: "zstd"}

func TestSameBytesAndOthersRead(t *testing.T) {
	for format, tool := range tools {
		t.Run(tool, func(t *testing.T) {
			plain := sample(format)
			var first []byte
			for _, jobs := range []int{0, 1, 2, 7} {
				var out bytes.Buffer
				if err := compress(&out, format, jobs, plain); err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = out.Bytes()
				}
				if !bytes.Equal(first, out.Bytes()) {
					t.Errorf("%d jobs give other bytes", jobs)
				}
			}
			if len(first) > len(plain)*3/4 {
				t.Errorf("%d bytes became %d", len(plain), len(first))
			}
			packages := map[string]string{"gzip": "gzip", "xz": "xz-utils", "zstd": "zstd"}
			path := layertest.Tool(t, tool, packages[tool])
			if got := layertest.Run(t, first, path, "-dc"); got != string(plain) {
				t.Errorf("%s reads something else", tool)
			}
		})
	}
}

// TestKernelCanRead checks what the kernel's decompressors demand.
func TestKernelCanRead(t *testing.T) {
	var out bytes.Buffer
	if err := compress(&out, compression.XZ, 1, text(1000)); err != nil {
		t.Fatal(err)
	}
	// The stream flags follow the magic number; 1 is CRC32.
	// Source: xz-file-format, 2.1.1.2.
	if flags := out.Bytes()[6:8]; !bytes.Equal(flags, []byte{0, 1}) {
		t.Errorf("the xz check is %x", flags)
	}
	out.Reset()
	if err := compress(&out, compression.Gzip, 1, text(1000)); err != nil {
		t.Fatal(err)
	}
	// No flags and no time. Source: RFC 1952, 2.3.
	if head := out.Bytes()[3:8]; !bytes.Equal(head, make([]byte, 5)) {
		t.Errorf("the gzip header has %x", head)
	}
	if zstd, err := exec.LookPath("zstd"); err == nil {
		out.Reset()
		if err := compress(&out, compression.Zstd, 1, bytes.Repeat(text(1<<20), 12)); err != nil {
			t.Fatal(err)
		}
		layertest.Run(t, out.Bytes(), zstd, "-dqc", "--memory=8MiB", "-o", t.TempDir()+"/out")
	}
}

// full takes n bytes and then fails.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.n {
		f.n = 0
		return 0, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestWriteErrorIsSeen(t *testing.T) {
	for format := range tools {
		plain := sample(format)
		var whole bytes.Buffer
		if err := compress(&whole, format, 2, plain); err != nil {
			t.Fatal(err)
		}
		size := whole.Len()
		for _, n := range []int{0, 1, 10, 20, size / 3, size / 2, size - 30, size - 13, size - 9, size - 5, size - 1} {
			if err := compress(&full{n}, format, 2, plain); !errors.Is(err, errFull) {
				t.Errorf("%s: after %d of %d bytes: got %v", format, n, size, err)
			}
		}
	}
}
