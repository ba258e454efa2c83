package pluginhost

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"

	"github.com/hashicorp/go-plugin"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// attached returns the plugin of that name that runs already, or nil. Each
// run gives it another digest: whoever holds it in a debugger wants it to be
// called, not to be spared by the store.
func (h *Host) attached(ctx context.Context, name string) (*Found, error) {
	at, ok := h.opts.Attached[name]
	if !ok {
		return nil, nil
	}
	f := &Found{Name: name, Path: at.Executable, Args: at.Args, Attached: &at}
	if !filepath.IsAbs(f.Path) {
		return nil, f.fail("can't be attached to", fmt.Sprintf("%s names the executable %s, which is no absolute path.",
			sdk.ReattachVariable, quote(f.Path)), "Set it to what the plugin prints when it is started with --debug.", nil)
	}
	var err error
	if f.Manifest, err = h.describe(ctx, f); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(rand.Text()))
	f.Digest = "sha256:" + hex.EncodeToString(sum[:])
	h.logger.Warn(fmt.Sprintf("plugin %s is process %d, attached to by %s: what it makes is not kept for other runs",
		name, at.Pid, sdk.ReattachVariable))
	return f, nil
}

// attach returns how go-plugin connects to a plugin that runs already.
func (p *process) attach() *plugin.ClientConfig {
	at := p.found.Attached
	return &plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		Plugins:          sdk.HostPlugins()[at.Protocol],
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           bridge(p.logger),
		GRPCDialOptions:  p.config.GRPCDialOptions,
		Reattach: &plugin.ReattachConfig{
			Protocol: plugin.ProtocolGRPC, ProtocolVersion: at.Protocol, Pid: at.Pid,
			Addr: &net.UnixAddr{Net: at.Network, Name: at.Address},
			// It ends by itself: go-plugin must not stop it.
			Test: true,
		},
	}
}

// explainAttach says why a plugin could not be attached to.
func (p *process) explainAttach(err error) error {
	if err == nil {
		return nil
	}
	at := p.found.Attached
	return p.found.fail("can't be attached to",
		fmt.Sprintf("No plugin answers at %s, where process %d should: %v.", at.Address, at.Pid, err),
		"Start it again with --debug and set "+sdk.ReattachVariable+" to what it prints, or unset the variable.", err)
}
