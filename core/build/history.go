package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/rootfs"
	"github.com/mkmini/mkmini/core/store"
)

// history is what is remembered of earlier builds of one configuration into
// one folder: what keys were made from, to say why a step must run again,
// what was put into the folder, to leave it alone, and what overlays held, so as
// not to read them again. Without it more is done, or less is said.
type history struct {
	path string
	mu   *sync.Mutex
	data *historyData
	// read is what was in the file.
	read []byte
}

type historyData struct {
	// Steps holds the parts of each step's last key, by step ID.
	Steps map[string][]plan.Part `json:"steps"`
	// Placed holds what was put into the output folder, by path in it.
	Placed map[string]placedRecord `json:"placed"`
	// Folders hold the digests of what overlays and hosts had, if the mkmini
	// is the one that By identifies.
	Folders []rootfs.Known `json:"folders,omitempty"`
	By      string         `json:"by,omitempty"`
}

// placedRecord is what was put somewhere: what identifies it, with what was
// added to it, and its state. Digest and Size are those of the artifact itself.
type placedRecord struct {
	SHA256 string `json:"sha256"`
	Stamp  string `json:"stamp"`
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// history reads what is remembered of a job.
func (b *Builder) history(job Job) history {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", job.Config.Dir, job.Config.Name, job.Out))
	h := history{
		path: filepath.Join(b.Store.Sub("history"), hex.EncodeToString(sum[:16])+".json"),
		mu:   &sync.Mutex{},
		data: &historyData{},
	}
	if data, err := os.ReadFile(h.path); err == nil {
		_ = json.Unmarshal(data, h.data) // a damaged history is an empty one
		h.read = data
	}
	if h.data.By != b.Mkmini {
		h.data.Folders, h.data.By = nil, b.Mkmini
	}
	if h.data.Steps == nil {
		h.data.Steps = map[string][]plan.Part{}
	}
	if h.data.Placed == nil {
		h.data.Placed = map[string]placedRecord{}
	}
	return h
}

// note remembers what a step's result was made from.
func (h history) note(s plan.Step) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.data.Steps[s.ID] = s.Parts
}

// placed returns what is remembered of an artifact that was put into the output
// folder, if it was the one that the digest identifies.
func (h history) placed(path, sealed string) placedRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.data.Placed[path]; p.SHA256 == sealed {
		return p
	}
	return placedRecord{}
}

// why says why a step must run.
func (h history) why(s plan.Step) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, ok := h.data.Steps[s.ID]
	if !ok {
		return "it has not been made yet"
	}
	if changes := plan.Changes(before, s.Parts); len(changes) > 0 {
		return strings.Join(changes, ", ")
	}
	return "its result is no longer in the store"
}

// whyProbe says why a compiler must be probed, of which nothing is known now.
func (h history) whyProbe(s plan.Step) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, ok := h.data.Steps[s.ID]
	if !ok {
		return "the compiler has not been probed yet"
	}
	known := func(parts []plan.Part) []plan.Part {
		return slices.DeleteFunc(slices.Clone(parts), func(p plan.Part) bool {
			return slices.ContainsFunc(s.Parts, func(now plan.Part) bool { return now.Name == p.Name && now.Value == "" })
		})
	}
	if changes := plan.Changes(known(before), known(s.Parts)); len(changes) > 0 {
		return strings.Join(changes, ", ")
	}
	return "the compiler changed, or what is found first"
}

// save writes the history, together with what was placed and what folders hold.
func (h history) save(artifacts map[string]placed, folders []rootfs.Known) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.data.Folders = folders
	for path, p := range artifacts {
		if p.stamp != "" {
			record := placedRecord{SHA256: p.sealed, Stamp: p.stamp}
			if p.sealed != p.SHA256 {
				record.Digest, record.Size = p.SHA256, p.Size
			}
			h.data.Placed[path] = record
		}
	}
	data, err := json.Marshal(h.data)
	if err != nil {
		return fmt.Errorf("save the history: %w", err)
	}
	if data = append(data, '\n'); bytes.Equal(data, h.read) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o755); err != nil {
		return fmt.Errorf("save the history: %w", err)
	}
	return store.WriteFile(h.path, data)
}
