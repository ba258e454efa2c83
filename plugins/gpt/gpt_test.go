package gpt

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// table is a disk of 8 MiB.
func table() Table {
	return Table{Size: 8 << 20, Disk: GUID{0x11, 0x22, 0x33, 0x44, 0x55, 15: 0x66}, Partition: GUID{0xaa, 15: 0xbb}, Type: RootType("x86_64"), Name: "root"}
}

func disk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(table().Size); err != nil {
		t.Fatal(err)
	}
	if err := table().Write(file); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSfdiskReads(t *testing.T) {
	sfdisk := layertest.Tool(t, "sfdisk", "fdisk")
	path := disk(t)
	got := layertest.Run(t, nil, sfdisk, "--dump", path)
	for _, want := range []string{
		"label: gpt\n", "label-id: 11223344-5500-0000-0000-000000000066\n", "first-lba: 34\n", "last-lba: 16350\n",
		"start=        2048, size=       12288, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=AA000000-0000-0000-0000-0000000000BB, name=\"root\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
	if got := layertest.Run(t, nil, sfdisk, "--verify", path); !strings.Contains(got, "No errors detected") || !strings.Contains(got, "Header version: 1.0") {
		t.Errorf("sfdisk finds errors:\n%s", got)
	}
}

// The copy is enough when the table is gone.
func TestCopy(t *testing.T) {
	sfdisk := layertest.Tool(t, "sfdisk", "fdisk")
	path := disk(t)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(make([]byte, 33*SectorSize), SectorSize); err != nil {
		t.Fatal(err)
	}
	if got := layertest.Run(t, nil, sfdisk, "--dump", path); !strings.Contains(got, "uuid=AA000000-0000-0000-0000-0000000000BB") {
		t.Errorf("the copy isn't found:\n%s", got)
	}
}

func TestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Table){
		"small": func(d *Table) { d.Size = Start + End },
		"odd":   func(d *Table) { d.Size++ },
		"name":  func(d *Table) { d.Name = strings.Repeat("n", 37) },
	} {
		d := table()
		change(&d)
		if err := d.Write(nil); err == nil {
			t.Errorf("%s: it is written", name)
		}
	}
	if bytes.Equal(linuxData[:], make([]byte, 16)) || RootType("sw64") != linuxData {
		t.Error("an architecture without a type of its own has another")
	}
}
