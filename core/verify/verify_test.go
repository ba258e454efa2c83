package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	fake "github.com/google/go-containerregistry/pkg/registry"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/signing"
	"github.com/mkmini/mkmini/core/verify"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
)

var epoch = time.Unix(315532800, 0)

var configuration = provenance.Configuration{
	Files:     []provenance.File{{Name: "mini.hcl", SHA256: strings.Repeat("c", 64)}},
	Variables: map[string]json.RawMessage{"motd": json.RawMessage(`"hello"`)},
}

func newKey(t *testing.T) signing.PrivateKey {
	t.Helper()
	key, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// envelope makes a provenance about subjects, signed if there is a key.
func envelope(t *testing.T, key *signing.PrivateKey, name string, subjects ...provenance.Subject) []byte {
	t.Helper()
	text := must[[]byte](t)(provenance.Facts{
		Subjects: subjects, Artifact: name, Configuration: configuration, Epoch: epoch, Version: "1", Mkmini: strings.Repeat("d", 64),
	}.Statement())
	e := signing.NewEnvelope(provenance.PayloadType, text)
	if key != nil {
		e = must[signing.Envelope](t)(key.SignEnvelope(t.Context(), e))
	}
	return must[[]byte](t)(e.Encode())
}

func subject(name, sha256 string) provenance.Subject {
	return provenance.Subject{Name: name, Digests: provenance.Digests{provenance.SHA256: sha256}}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	d, _, err := artifact.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// made is an artifact with all there can be beside it.
type made struct {
	path string
	key  signing.PrivateKey
}

// file makes a file that is signed, with a provenance.
func file(t *testing.T) made {
	t.Helper()
	m := made{write(t, filepath.Join(t.TempDir(), "mini.tar.gz"), "content"), newKey(t)}
	m.seal(t, subject("mini.tar.gz", digest(t, m.path)))
	return m
}

// folder makes a folder that is signed, with a provenance.
func folder(t *testing.T) made {
	t.Helper()
	m := made{filepath.Join(t.TempDir(), "mini.dir"), newKey(t)}
	if err := os.MkdirAll(filepath.Join(m.path, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(m.path, "bin", "sh"), "shell")
	var sums bytes.Buffer
	if err := artifact.WriteSums(t.Context(), &sums, m.path); err != nil {
		t.Fatal(err)
	}
	sum := digest(t, write(t, filepath.Join(t.TempDir(), "sums"), sums.String()))
	m.seal(t, subject("mini.dir"+artifact.SumsSuffix, sum))
	return m
}

// layout makes an OCI image layout whose images have a provenance, and which
// is signed.
func layout(t *testing.T, archive bool) made {
	t.Helper()
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t), map[string]any{"archive": archive}))
	m := made{path, newKey(t)}
	l := must[*registry.Layout](t)(registry.Open(t.Context(), path))
	defer l.Close()
	var subjects []provenance.Subject
	for _, d := range mustImages(t, l) {
		subjects = append(subjects, subject(filepath.Base(path), d))
	}
	text := envelope(t, &m.key, filepath.Base(path), subjects...)
	if err := referrer.Attach(t.Context(), path, referrer.Provenance(path, text, epoch)); err != nil {
		t.Fatal(err)
	}
	m.seal(t, subjects...)
	return m
}

func mustImages(t *testing.T, l *registry.Layout) []string {
	t.Helper()
	images, err := l.Images()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range images {
		all = append(all, d.Digest.Hex)
	}
	return all
}

func (m made) seal(t *testing.T, subjects ...provenance.Subject) {
	t.Helper()
	write(t, m.path+provenance.Suffix, string(envelope(t, &m.key, filepath.Base(m.path), subjects...)))
	must[signing.Signed](t)(m.key.SignArtifact(t.Context(), m.path, ""))
}

func (m made) trusting() verify.Options {
	return verify.Options{Keys: []signing.PublicKey{m.key.Public()}, Configuration: &configuration}
}

func run(t *testing.T, path string, opts verify.Options) *verify.Report {
	t.Helper()
	return must[*verify.Report](t)(verify.Artifact(t.Context(), path, opts))
}

// statuses are those of a report, by name of the check.
func statuses(r *verify.Report) map[string]verify.Status {
	all := map[string]verify.Status{"result": verify.Status(r.Result)}
	for _, c := range r.Checks {
		all[c.Name] = c.Status
	}
	return all
}

func TestVerified(t *testing.T) {
	for name, m := range map[string]made{"file": file(t), "folder": folder(t), "layout": layout(t, false), "archive": layout(t, true)} {
		want := map[string]verify.Status{
			"result": "verified", verify.Signature: verify.OK, verify.Provenance: verify.OK, verify.Signer: verify.OK, verify.Configuration: verify.OK,
		}
		if name == "folder" || name == "layout" {
			want[verify.Checksums] = verify.OK
		}
		if name == "layout" || name == "archive" {
			want[verify.Content] = verify.OK
		}
		if diff := cmp.Diff(want, statuses(run(t, m.path, m.trusting()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		// Without a key it is intact, and that is all.
		want["result"], want[verify.Signature], want[verify.Signer] = "intact", verify.Unchecked, verify.Unchecked
		delete(want, verify.Configuration)
		if diff := cmp.Diff(want, statuses(run(t, m.path, verify.Options{}))); diff != "" {
			t.Errorf("%s without a key (-want +got):\n%s", name, diff)
		}
	}
}

// TestTampered changes one thing of what was sound, each in its own way, and
// looks for the words that say so.
func TestTampered(t *testing.T) {
	remove := func(suffixes ...string) func(*testing.T, made) {
		return func(t *testing.T, m made) {
			for _, suffix := range suffixes {
				if err := os.Remove(m.path + suffix); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	edit := func(suffix, from, to string) func(*testing.T, made) {
		return func(t *testing.T, m made) {
			text := must[[]byte](t)(os.ReadFile(m.path + suffix))
			if !bytes.Contains(text, []byte(from)) {
				t.Fatalf("%q is not in %s", from, suffix)
			}
			write(t, m.path+suffix, strings.Replace(string(text), from, to, 1))
		}
	}
	put := func(suffix, text string) func(*testing.T, made) {
		return func(t *testing.T, m made) { write(t, m.path+suffix, text) }
	}
	aFile := func(t *testing.T) made { return file(t) }
	aFolder := func(t *testing.T) made { return folder(t) }
	aLayout := func(t *testing.T) made { return layout(t, false) }
	anArchive := func(t *testing.T) made { return layout(t, true) }
	for name, test := range map[string]struct {
		make   func(*testing.T) made
		tamper func(*testing.T, made)
		check  string
		words  []string
	}{
		"changed file":                   {aFile, put("", "changes"), verify.Signature, []string{"mini.tar.gz is not what the key", "signed"}},
		"changed file, provenance":       {aFile, put("", "changes"), verify.Provenance, []string{"is another one: it has sha256", "is about"}},
		"no signature at all":            {aFile, remove(signing.Suffix, provenance.Suffix), verify.Signature, []string{"nobody signed it"}},
		"no provenance":                  {aFile, remove(provenance.Suffix), verify.Provenance, []string{"there is no provenance"}},
		"malformed signature":            {aFile, put(signing.Suffix, "hello"), verify.Signature, []string{"mini.tar.gz.minisig is no signature of minisign"}},
		"changed comment":                {aFile, edit(signing.Suffix, "file:mini", "file:maxi"), verify.Signature, []string{"or the signature was changed"}},
		"malformed envelope":             {aFile, put(provenance.Suffix, "{"), verify.Provenance, []string{"mini.tar.gz.intoto.jsonl can't be read: it is no JSON object"}},
		"empty envelope":                 {aFile, put(provenance.Suffix, ""), verify.Provenance, []string{"can't be read"}},
		"envelope of something":          {aFile, put(provenance.Suffix, `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}`), verify.Provenance, []string{"no in-toto Statement"}},
		"changed payload":                {aFile, swapPayload, verify.Signer, []string{"was changed after it was signed"}},
		"unsigned provenance":            {aFile, unsign, verify.Signer, []string{"nobody signed the provenance"}},
		"provenance by somebody":         {aFile, resign, verify.Signer, []string{"is signed by the key", "and you trust"}},
		"provenance of another":          {aFile, foreign, verify.Provenance, []string{"of another artifact: other.tar"}},
		"signature by somebody":          {aFile, counterfeit, verify.Signature, []string{"is signed by the key", "and you trust"}},
		"another configuration":          {aFile, elsewhere, verify.Configuration, []string{"another configuration", "mini.hcl is another one", `the variable motd was "hi" and is "hello"`}},
		"changed entry of a folder":      {aFolder, put("/bin/sh", "shall"), verify.Checksums, []string{"is not what mini.dir.sha256sums says", `"bin/sh" is another one`}},
		"new entry of a folder":          {aFolder, put("/bin/evil", ""), verify.Checksums, []string{`"bin/evil" is new`}},
		"changed checksums":              {aFolder, edit(artifact.SumsSuffix, "bin/sh", "bin/sx"), verify.Signature, []string{"mini.dir.sha256sums is not what the key"}},
		"changed folder, its provenance": {aFolder, put("/bin/sh", "shall"), verify.Provenance, []string{"the folder is another one"}},
		"no checksums":                   {aFolder, remove(artifact.SumsSuffix), verify.Signature, []string{"is there, and not mini.dir.sha256sums"}},
		"malformed checksums":            {aFolder, put(artifact.SumsSuffix, "x"), verify.Checksums, []string{"can't be read"}},
		"changed blob":                   {aLayout, changeBlob, verify.Content, []string{"the artifact is damaged", "has the digest"}},
		"another image":                  {aLayout, otherImage, verify.Provenance, []string{"the image sha256:", "is another one"}},
		"changed blob in an archive":     {anArchive, changeArchive, verify.Content, []string{"the artifact is damaged"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := test.make(t)
			test.tamper(t, m)
			r := run(t, m.path, m.trusting())
			if r.Result != verify.NotVerified {
				t.Errorf("it is %s", r.Result)
			}
			for _, c := range r.Checks {
				if c.Name != test.check {
					continue
				}
				text := c.Detail + "\n" + strings.Join(c.Items, "\n")
				for _, word := range test.words {
					if !strings.Contains(text, word) {
						t.Errorf("%q is not in %q", word, text)
					}
				}
				if c.Status != verify.Failed || c.Remedy == "" {
					t.Errorf("%+v is no failure that says what to do", c)
				}
				return
			}
			t.Errorf("no check of the %s: %+v", test.check, r.Checks)
		})
	}
}

// swapPayload changes what an envelope says, and leaves its signature.
func swapPayload(t *testing.T, m made) {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(m.path+provenance.Suffix)), &e); err != nil {
		t.Fatal(err)
	}
	payload, _ := e["payload"].(string)
	text := must[[]byte](t)(base64.StdEncoding.DecodeString(payload))
	e["payload"] = bytes.Replace(text, []byte(`"hello"`), []byte(`"howdy"`), 1)
	write(t, m.path+provenance.Suffix, string(must[[]byte](t)(json.Marshal(e))))
}

func unsign(t *testing.T, m made) {
	t.Helper()
	write(t, m.path+provenance.Suffix, string(envelope(t, nil, "mini.tar.gz", subject("mini.tar.gz", digest(t, m.path)))))
}

func resign(t *testing.T, m made) {
	t.Helper()
	key := newKey(t)
	write(t, m.path+provenance.Suffix, string(envelope(t, &key, "mini.tar.gz", subject("mini.tar.gz", digest(t, m.path)))))
}

func foreign(t *testing.T, m made) {
	t.Helper()
	write(t, m.path+provenance.Suffix, string(envelope(t, &m.key, "other.tar", subject("other.tar", strings.Repeat("a", 64)))))
}

func counterfeit(t *testing.T, m made) {
	t.Helper()
	must[signing.Signed](t)(newKey(t).SignArtifact(t.Context(), m.path, ""))
}

func elsewhere(t *testing.T, m made) {
	t.Helper()
	f := provenance.Facts{
		Subjects: []provenance.Subject{subject("mini.tar.gz", digest(t, m.path))}, Epoch: epoch, Mkmini: strings.Repeat("d", 64),
		Configuration: provenance.Configuration{
			Files:     []provenance.File{{Name: "mini.hcl", SHA256: strings.Repeat("e", 64)}},
			Variables: map[string]json.RawMessage{"motd": json.RawMessage(`"hi"`)},
		},
	}
	e := signing.NewEnvelope(provenance.PayloadType, must[[]byte](t)(f.Statement()))
	e = must[signing.Envelope](t)(m.key.SignEnvelope(t.Context(), e))
	write(t, m.path+provenance.Suffix, string(must[[]byte](t)(e.Encode())))
}

// changeBlob changes a byte of the largest blob.
func changeBlob(t *testing.T, m made) {
	t.Helper()
	largest, size := "", int64(0)
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(m.path, "blobs", "sha256"))) {
		info := must[os.FileInfo](t)(entry.Info())
		if info.Size() > size {
			largest, size = filepath.Join(m.path, "blobs", "sha256", entry.Name()), info.Size()
		}
	}
	text := must[[]byte](t)(os.ReadFile(largest))
	text[len(text)/2] ^= 1
	write(t, largest, string(text))
}

// changeArchive changes a byte of the first blob of an archive.
func changeArchive(t *testing.T, m made) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(m.path))
	text[3*512+5] ^= 1 // behind the headers of two folders and its own
	write(t, m.path, string(text))
}

// otherImage replaces the images by those of another layout, with what is
// attached to the first.
func otherImage(t *testing.T, m made) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(m.path + provenance.Suffix))
	other, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[:1], map[string]any{"cmd": []string{"/bin/evil"}}))
	if err := errors.Join(os.RemoveAll(m.path), os.Rename(other, m.path)); err != nil {
		t.Fatal(err)
	}
	l := must[*registry.Layout](t)(registry.Open(t.Context(), m.path))
	defer l.Close()
	if err := referrer.Attach(t.Context(), m.path, referrer.Provenance(m.path, text, epoch)); err != nil {
		t.Fatal(err)
	}
}

func TestSHA256(t *testing.T) {
	m := file(t)
	if r := run(t, m.path, verify.Options{SHA256: digest(t, m.path)}); r.Result != verify.Intact {
		t.Errorf("%+v", r)
	}
	if r := run(t, m.path, verify.Options{SHA256: strings.Repeat("0", 64)}); r.Result != verify.NotVerified {
		t.Errorf("%+v", r)
	}
}

// TestNothingBeside verifies what nobody says anything of.
func TestNothingBeside(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x"), "x")
	if r := run(t, path, verify.Options{}); r.Result != verify.NotVerified {
		t.Errorf("%+v", r)
	}
	if _, err := verify.Artifact(t.Context(), path+".none", verify.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestImage(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for name, withAPI := range map[string]bool{"referrers": true, "tags": false} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0)), fake.WithReferrersSupport(withAPI)))
			t.Cleanup(s.Close)
			host := strings.TrimPrefix(s.URL, "http://")
			m := layout(t, false)
			p := &registry.Pusher{Logger: slog.New(slog.DiscardHandler), Patience: registry.Patience{Base: time.Millisecond}}
			l := must[*registry.Layout](t)(registry.Open(t.Context(), m.path))
			defer l.Close()
			image := host + "/team/mini:1.0"
			if _, err := p.Push(t.Context(), l, registry.Request{Names: []string{image}, PerArch: true}, nil); err != nil {
				t.Fatal(err)
			}
			for _, one := range []string{image, image + "-sw64"} {
				r := must[*verify.Report](t)(verify.Image(t.Context(), p, one, m.trusting()))
				want := map[string]verify.Status{
					"result": "verified", verify.Content: verify.OK, verify.Provenance: verify.OK, verify.Signer: verify.OK, verify.Configuration: verify.OK,
				}
				if diff := cmp.Diff(want, statuses(r)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", one, diff)
				}
			}
			r := must[*verify.Report](t)(verify.Image(t.Context(), p, image, verify.Options{Keys: []signing.PublicKey{newKey(t).Public()}}))
			if r.Result != verify.NotVerified {
				t.Errorf("by another key: %+v", r)
			}
			_, err := verify.Image(t.Context(), p, host+"/team/mini:2.0", m.trusting())
			if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Detail, "404") || f.Remedy == "" {
				t.Errorf("no such image: %v", err)
			}
		})
	}
}

// TestPushedArchive pushes an archive for docker, which has its provenance
// beside it.
func TestPushedArchive(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0)), fake.WithReferrersSupport(true)))
	t.Cleanup(s.Close)
	path, _ := layertest.Export(t, docker.New(), layertest.Request(t, layertest.Images(t)[:1], nil))
	l := must[*registry.Layout](t)(registry.Open(t.Context(), path))
	defer l.Close()
	p := &registry.Pusher{Logger: slog.New(slog.DiscardHandler), Patience: registry.Patience{Base: time.Millisecond}}
	done := must[[]registry.Pushed](t)(p.Push(t.Context(), l, registry.Request{Names: []string{strings.TrimPrefix(s.URL, "http://") + "/mini:1"}}, nil))
	m := made{path, newKey(t)}
	m.seal(t, subject("other", strings.Repeat("a", 64)))
	if about := must[[]string](t)(referrer.Push(t.Context(), p, path, done)); about != nil {
		t.Errorf("a provenance of something else is attached to %s", about)
	}
	m.seal(t, subject("mini", strings.TrimPrefix(done[0].Digest, "sha256:")))
	for range 2 {
		must[[]string](t)(referrer.Push(t.Context(), p, path, done))
	}
	if r := must[*verify.Report](t)(verify.Image(t.Context(), p, done[0].Name, m.trusting())); r.Result != verify.Verified {
		t.Errorf("%+v", r)
	}
}

// FuzzArtifact puts anything beside a file, and sees that nothing is verified
// by it.
func FuzzArtifact(f *testing.F) {
	key, err := signing.Generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("{}"), []byte("untrusted comment: x\nRWQ=\ntrusted comment: y\nAA=="))
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":""}]}`), []byte{})
	dir := f.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, statement, signature []byte) {
		write(t, path+provenance.Suffix, string(statement))
		write(t, path+signing.Suffix, string(signature))
		r, err := verify.Artifact(t.Context(), path, verify.Options{Keys: []signing.PublicKey{key.Public()}})
		if err != nil || r.Result != verify.NotVerified {
			t.Fatalf("%v, %+v", err, r)
		}
	})
}
