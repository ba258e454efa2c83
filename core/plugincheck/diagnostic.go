package plugincheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// odds are values that an attribute of a type may have and hardly means.
var odds = map[string][]string{
	"string":       {`"\u0001 ../\n"`, `""`, `"…"`},
	"number":       {`-1`, `1e300`, `0.5`},
	"list(string)": {`["\u0001 ../\n"]`, `[""]`, `["a", "a"]`},
	"set(string)":  {`["\u0001 ../\n"]`, `[""]`},
	"map(string)":  {`{"\u0001 ../\n": "\u0001"}`, `{"": ""}`},
}

// diagnosesAttributes gives each attribute odd values. A plugin may take
// them; what it refuses it has to explain.
func diagnosesAttributes(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	refused := 0
	for _, a := range s.manifest.Exporter.Attributes {
		if len(a.OneOf) > 0 {
			continue // mkmini lets no other value through
		}
		for _, value := range odds[a.Type] {
			is, err := s.refuses(ctx, a.Name, json.RawMessage(value))
			if err != nil {
				return "", fmt.Errorf("%s = %s: %w", a.Name, value, err)
			}
			if is {
				refused++
			}
		}
	}
	if refused == 0 {
		return "", skip("it refused none of the odd values that its attributes were given")
	}
	return fmt.Sprintf("%d odd values were refused", refused), nil
}

// refuses exports with one attribute's value, and checks what comes of it.
func (s *subject) refuses(ctx context.Context, name string, value json.RawMessage) (bool, error) {
	req, err := s.exportRequest(nil, 1)
	if err != nil {
		return false, err
	}
	values, err := s.attributes(s.manifest.Exporter.Attributes)
	if err != nil {
		return false, err
	}
	values[name] = value
	req.Attributes = encode(values)
	p, err := s.plugin(ctx)
	if err != nil {
		return false, err
	}
	_, err = s.export(ctx, p, req, nil)
	if err == nil {
		return false, nil
	}
	return true, explained(err, "attributes", name)
}

// explained checks that an error is diagnostics, of which one is about a path
// of the configuration, and all say what a user needs.
func explained(err error, path ...string) error {
	var list sdk.Diagnostics
	if !errors.As(err, &list) {
		text := err.Error()
		if told := (*fault.Error)(nil); errors.As(err, &told) {
			text = told.Detail
		}
		return errors.New("the error is no diagnostic: " + text)
	}
	located := false
	for _, d := range list {
		if err := complete(d); err != nil {
			return err
		}
		located = located || len(d.Path) >= len(path) && slices.Equal(d.Path[:len(path)], path)
	}
	if !located {
		return fmt.Errorf("no diagnostic has the path %q: %w", strings.Join(path, "."), err)
	}
	return nil
}

// complete checks that a diagnostic says what is wrong and what to do.
func complete(d sdk.Diagnostic) error {
	switch {
	case d.Summary == "":
		return fmt.Errorf("a diagnostic has no summary: %q", d.Detail)
	case strings.HasSuffix(d.Summary, "."):
		return fmt.Errorf("the summary %q ends with a period", d.Summary)
	case d.Detail == "" && d.Remedy == "":
		return fmt.Errorf("the diagnostic %q has neither a detail nor a remedy", d.Summary)
	case d.Log != "" && !filepath.IsAbs(d.Log):
		return fmt.Errorf("the log %q is no absolute path", d.Log)
	}
	return nil
}
