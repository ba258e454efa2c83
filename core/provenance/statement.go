package provenance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Statement returns the statement as JSON. The same facts give the same bytes.
func (f Facts) Statement() ([]byte, error) {
	external, err := structpb.NewStruct(f.external())
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	internal, err := structpb.NewStruct(f.internal())
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	p := &slsa.Provenance{
		BuildDefinition: &slsa.BuildDefinition{BuildType: BuildType, ExternalParameters: external, InternalParameters: internal},
		RunDetails: &slsa.RunDetails{
			Builder: &slsa.Builder{
				Id: cmp.Or(f.BuilderID, Builder), Version: map[string]string{"mkmini": f.Version},
				BuilderDependencies: []*intoto.ResourceDescriptor{{Name: "mkmini", Digest: Digests{SHA256: f.Mkmini}}},
			},
			Metadata: f.metadata(),
		},
	}
	for _, m := range f.Materials {
		d, err := m.descriptor()
		if err != nil {
			return nil, fmt.Errorf("provenance: %w", err)
		}
		p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies, d)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	predicate := &structpb.Struct{}
	if err := convert(p, predicate); err != nil {
		return nil, err
	}
	s := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: PredicateType, Predicate: predicate}
	for _, one := range f.Subjects {
		s.Subject = append(s.Subject, &intoto.ResourceDescriptor{Name: one.Name, Digest: one.Digests})
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return encode(s)
}

// external is what whoever started the build had a say in.
func (f Facts) external() map[string]any {
	files := []any{}
	for _, file := range f.Configuration.Files {
		files = append(files, map[string]any{"name": file.Name, "digest": map[string]any{SHA256: file.SHA256}})
	}
	variables := map[string]any{}
	for name, value := range f.Configuration.Variables {
		var v any
		if json.Unmarshal(value, &v) == nil {
			variables[name] = v
		}
	}
	return map[string]any{
		"configuration":      map[string]any{"digest": map[string]any{SHA256: f.Configuration.Digest()}, "files": files},
		"variables":          variables,
		"sensitiveVariables": list(f.Configuration.Sensitive),
		"architectures":      list(f.Architectures),
		"sourceDateEpoch":    fmt.Sprint(f.Epoch.Unix()),
	}
}

// internal is what mkmini made of that.
func (f Facts) internal() map[string]any {
	steps := map[string]any{}
	for _, s := range f.Steps {
		steps[s.ID] = s.Key
	}
	return map[string]any{
		"artifact": f.Artifact, "exporter": f.Exporter, "format": f.Format, "steps": steps,
	}
}

func list(texts []string) []any {
	all := []any{}
	for _, t := range texts {
		all = append(all, t)
	}
	return all
}

func (f Facts) metadata() *slsa.BuildMetadata {
	if f.Invocation == "" && f.Started.IsZero() && f.Finished.IsZero() {
		return nil
	}
	at := func(t time.Time) *timestamppb.Timestamp {
		if t.IsZero() {
			return nil
		}
		return timestamppb.New(t.Truncate(time.Second))
	}
	return &slsa.BuildMetadata{InvocationId: f.Invocation, StartedOn: at(f.Started), FinishedOn: at(f.Finished)}
}

func (m Material) descriptor() (*intoto.ResourceDescriptor, error) {
	d := &intoto.ResourceDescriptor{Name: m.Name, Uri: m.URI, Digest: m.Digests}
	if len(m.Annotations) == 0 {
		return d, nil
	}
	all := map[string]any{}
	for key, value := range m.Annotations {
		all[key] = value
	}
	var err error
	d.Annotations, err = structpb.NewStruct(all)
	return d, err
}

// convert turns a message into another of the same JSON.
func convert(from, to proto.Message) error {
	text, err := protojson.Marshal(from)
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, to)
	}
	if err != nil {
		return fmt.Errorf("provenance: %w", err)
	}
	return nil
}

// encode takes the spaces out that protojson puts in at random, so that nobody
// relies on its bytes: nothing else of it depends on anything but the message.
func encode(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return out.Bytes(), nil
}
