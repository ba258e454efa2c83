package registry

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source/oci"
)

func badName(text, remedy string, err error) error {
	return &fault.Error{Summary: "Unusable name", Detail: fmt.Sprintf("%q can't be the name of an image in a registry.", text), Remedy: remedy, Usage: true, Err: err}
}

// unusable is the error of an artifact.
func unusable(err error) error {
	f := &fault.Error{Summary: "Artifact can't be pushed", Detail: sentence(err.Error()), Err: err}
	switch {
	case errors.Is(err, errDamaged):
		f.Remedy = "Export it again."
	case errors.Is(err, os.ErrNotExist):
		f.Detail, f.Usage = sentence(strings.TrimSuffix(err.Error(), ": "+os.ErrNotExist.Error())), true
		f.Remedy = "Give the path of what mkmini build listed."
	default:
		f.Usage, f.Remedy = true, "Give an artifact of the exporters docker or oci, and one image of it."
	}
	return f
}

// Unusable makes an error of Open one for people.
func Unusable(err error) error { return unusable(err) }

// sentence makes a clause one.
func sentence(clause string) string {
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + strings.TrimSuffix(clause[1:], ".") + "."
}

// explain says why a registry has no image now, and what to do.
func (p *Pusher) explain(tag name.Tag, err error) error {
	var answer *transport.Error
	var wait errWait
	if errors.Is(err, errDamaged) {
		return unusable(clause(err))
	}
	f := &fault.Error{Summary: fmt.Sprintf("%s not pushed", tag), Err: err}
	registry := tag.RegistryStr()
	switch {
	case errors.As(err, &wait):
		f.Detail = fmt.Sprintf("The registry %s wants no more requests now: it asks to wait %v.", registry, wait.after)
		f.Remedy = "Push again later; what was sent is not sent again."
	case errors.As(err, &answer):
		f.Detail, f.Remedy = answered(tag, answer)
	case errors.Is(err, oci.ErrPlain):
		f.Detail = fmt.Sprintf("The registry %s offers plain http only, by which anybody on the way can read and change what is sent.", registry)
		f.Remedy = "Push by https, or with --insecure if you trust the network."
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.Detail = fmt.Sprintf("The registry %s speaks http and not https.", registry)
		f.Remedy = "Push with --insecure if you trust the network."
	default:
		f.Detail, f.Remedy = unreached(registry, err)
	}
	return f
}

// answered puts a registry's refusal in words.
func answered(tag name.Tag, answer *transport.Error) (detail, remedy string) {
	registry, said := tag.RegistryStr(), ""
	for _, d := range answer.Errors {
		said += fmt.Sprintf(", and says: %s", strings.TrimSuffix(cmp.Or(d.Message, string(d.Code)), "."))
	}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	detail = fmt.Sprintf("The registry %s answers %s%s.", registry, status, said)
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return detail, fmt.Sprintf("Log in with `docker login %s`.", registry)
	case http.StatusForbidden:
		return detail, fmt.Sprintf("Ask for the right to write to %s, or log in as somebody who has it with `docker login %s`.", tag.Repository, registry)
	case http.StatusNotFound:
		return detail, fmt.Sprintf("Create the repository %s, or correct its name.", tag.RepositoryStr())
	case http.StatusRequestEntityTooLarge:
		return detail, "Have the registry, or the proxy before it, take larger requests."
	case http.StatusTooManyRequests:
		return detail, "Push again later; what was sent is not sent again."
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return detail, "Push again later; what was sent is not sent again. If it stays like this, look into the registry's log."
	}
	return detail, "Correct what the registry names."
}

// unreached puts an error of the network in words.
func unreached(registry string, err error) (detail, remedy string) {
	var dial *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The name of the registry %s does not resolve.", registry), "Correct the name, or the network."
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Sprintf("The registry %s can't be reached: %v.", registry, dial), "Start the registry, or correct its name or the network."
	}
	return fmt.Sprintf("The connection to the registry %s failed: %v.", registry, clause(err)), "Push again; what was sent is not sent again."
}

// clause is an error without the request that it is about.
func clause(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
