package image

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Annotations that name an image in an index.
// Source: image-spec annotations.md; containerd images/annotations.go.
const (
	refAnnotation  = "org.opencontainers.image.ref.name"
	nameAnnotation = "io.containerd.image.name"
)

// Reference is a name of an image.
type Reference struct {
	// Familiar is how docker shows it, "minios:latest", and Full what it
	// stands for, "docker.io/library/minios:latest".
	Familiar, Full string
	// Ref is its name within an OCI image layout, "latest".
	Ref string
}

// repository and refName are the grammars of a repository's path and of a
// name within a layout. Source: distribution/reference regexp.go; image-spec
// annotations.md.
var (
	repository = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	refName    = regexp.MustCompile(`^[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*(/[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*)*$`)
	tagName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
)

// parse reads a reference as docker does.
func parse(text string) (Reference, error) {
	tag, err := name.NewTag(text)
	if err != nil {
		return Reference{}, err
	}
	if !repository.MatchString(tag.RepositoryStr()) || !tagName.MatchString(tag.TagStr()) {
		return Reference{}, fmt.Errorf("%q is not of the form name:tag, in lower case up to the colon", text)
	}
	host, repo := tag.RegistryStr(), tag.RepositoryStr()
	r := Reference{Ref: tag.TagStr()}
	if host == name.DefaultRegistry {
		r.Full = "docker.io/" + repo + ":" + r.Ref
		r.Familiar = strings.TrimPrefix(repo, "library/") + ":" + r.Ref
		return r, nil
	}
	r.Full = host + "/" + repo + ":" + r.Ref
	r.Familiar = r.Full
	return r, nil
}

// References returns the image's names: tag and tags, or system:latest. With
// plain, a tag may also be the part after the colon alone, as usual in an OCI
// image layout. No two have the same Ref.
func (a Attributes) References(system string, plain bool) ([]Reference, error) {
	tags, paths := a.tags()
	if len(tags) == 0 {
		tags, paths = []string{strings.ToLower(system) + ":latest"}, [][]string{{"attributes", "tag"}}
	}
	var list []Reference
	taken := make(map[string]bool)
	for i, tag := range tags {
		text := tag
		if plain && !strings.ContainsAny(tag, ":/") {
			text = strings.ToLower(system) + ":" + tag
		}
		r, err := parse(text)
		if err == nil && !refName.MatchString(r.Ref) {
			err = fmt.Errorf("%q can't be the name of an image in an OCI layout", r.Ref)
		}
		if err != nil {
			return nil, bad("The image can't have this name: "+err.Error()+".",
				`Give a tag such as "minios:latest" or "registry.example.com/team/minios:1.0".`, paths[i]...)
		}
		if slices.ContainsFunc(list, func(o Reference) bool { return o.Full == r.Full }) {
			continue
		}
		if taken[r.Ref] {
			r.Ref = r.Familiar
		}
		taken[r.Ref] = true
		list = append(list, r)
	}
	return list, nil
}

// annotations name an image in an index.
func (r Reference) annotations() map[string]string {
	return map[string]string{refAnnotation: r.Ref, nameAnnotation: r.Full}
}

// For returns the reference of one architecture's image.
func (r Reference) For(arch string) Reference {
	r.Familiar += "-" + arch
	r.Full += "-" + arch
	r.Ref += "-" + arch
	return r
}
