package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

const (
	// earliest is how long a call goes on at least before it is cancelled:
	// so it is in the middle of its work, and has started what it starts.
	earliest = 50 * time.Millisecond
	// latest is when it is cancelled though it has reported nothing.
	latest = 500 * time.Millisecond
	// stillness is how long the folders are watched afterwards.
	stillness = 300 * time.Millisecond
	// settle is how long a cancelled call may take to end. A build waits for
	// less, but a check is not there to measure how busy a machine is.
	settle = patience - time.Second
)

// cancels cancels a call soon after its first report. Then no process of it
// may be left, nothing may change in its folders, and the plugin must go on.
func (s *subject) cancels(ctx context.Context, folders []string, call func(context.Context, *pluginhost.Inspection, func()) error) (string, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	inner, cancel := context.WithCancel(sdk.WithPatience(ctx, settle))
	defer cancel()
	reported := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- call(inner, p, func() {
			select {
			case reported <- struct{}{}:
			default:
			}
		})
	}()
	if done, err := s.waitFor(ended, reported); done {
		if err != nil {
			return "", err
		}
		return "", skip("it was done before it could be cancelled")
	}
	s.watch()
	cancel()
	select {
	case err = <-ended:
	case <-time.After(patience):
		return "", fmt.Errorf("the call did not end within %v", patience)
	}
	if err == nil {
		return "", skip("it was done before it could be cancelled")
	}
	if !errors.Is(err, context.Canceled) {
		return "", err
	}
	if crashed(p) {
		return "", fmt.Errorf("the plugin ended with the call, or took more than %v to end it", settle)
	}
	if err := s.childless(); err != nil {
		return "", err
	}
	if err := s.still(ctx, folders); err != nil {
		return "", err
	}
	_, err = isHealthy(ctx, s)
	return "", err
}

// waitFor returns when a call has ended, or when it is time to cancel it.
func (s *subject) waitFor(ended <-chan error, reported <-chan struct{}) (done bool, err error) {
	late := time.After(latest)
	select {
	case err := <-ended:
		return true, err
	case <-reported:
	case <-late:
		return false, nil
	}
	select {
	case err := <-ended:
		return true, err
	case <-time.After(earliest):
		return false, nil
	}
}

// still makes sure that nothing changes in folders any more.
func (s *subject) still(ctx context.Context, folders []string) error {
	list := func() (map[string]string, error) {
		all := map[string]string{}
		for _, dir := range folders {
			some, err := listing(dir)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, some)
		}
		return all, nil
	}
	time.Sleep(time.Second) // the limit for ending a call
	before, err := list()
	if err != nil {
		return fmt.Errorf("it still writes: %w", err)
	}
	select {
	case <-time.After(stillness):
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := list()
	if err != nil {
		return fmt.Errorf("it still writes: %w", err)
	}
	if change := difference(before, now); change != "" {
		return fmt.Errorf("it still writes: %s", change)
	}
	return nil
}
