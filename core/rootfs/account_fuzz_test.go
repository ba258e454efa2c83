package rootfs

import (
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/config"
)

// FuzzAccounts adds accounts to files that anything is in. What comes out has
// lines with as many fields as the files have, for what was added at least.
func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n", "root:x:0:\nwheel:x:10:root\n", "root:*:::::::\n", "web")
	f.Add("web:x:5:\n:::\n", "web\n\n\n", "web", "web")
	f.Add("a:x:99999999999999999999:1", "web:x:y:z", "::::::::::", "root")
	f.Fuzz(func(t *testing.T, passwd, group, shadow, name string) {
		if name == "" || strings.ContainsAny(name, ":\n,") {
			return // the configuration refuses it
		}
		entry := func(kind config.Kind, path, content string) config.Entry {
			return config.Entry{Kind: kind, Path: path, Content: content}
		}
		records, err := assemble(t.Context(), Input{Preset: "minimal", Entries: []config.Entry{
			entry(config.File, "/etc/passwd", passwd), entry(config.File, "/etc/group", group), entry(config.File, "/etc/shadow", shadow),
			{Kind: config.Group, Account: &config.Account{Name: "more"}},
			{Kind: config.User, Account: &config.Account{Name: name, Home: "/home/x", Shell: "/bin/sh", Groups: []string{"more"}}},
		}})
		if err != nil {
			return
		}
		fields := map[string]int{"etc/passwd": 7, "etc/group": 4, "etc/shadow": 9}
		for _, r := range records {
			want, known := fields[r.Path]
			if !known {
				continue
			}
			found := false
			for line := range strings.Lines(r.Content.Data) {
				if parts := strings.Split(strings.TrimSuffix(line, "\n"), ":"); parts[0] == name {
					found = len(parts) == want
				}
			}
			if !found && r.Path != "etc/group" {
				t.Errorf("%s is not in /%s:\n%s", name, r.Path, r.Content.Data)
			}
		}
	})
}
