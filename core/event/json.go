package event

import (
	"bytes"
	"encoding/json"
	"math"
	"time"
)

// seconds is a duration that JSON has in seconds, to the millisecond.
type seconds float64

func toSeconds(d time.Duration) seconds {
	return seconds(float64(d.Round(time.Millisecond).Milliseconds()) / 1000)
}

func (s seconds) duration() time.Duration {
	return time.Duration(math.Round(float64(s)*1000)) * time.Millisecond
}

// marshal leaves <, > and & as they are: shell commands are full of them, and
// nobody puts these lines into a web page.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

type plainEvent Event

type eventJSON struct {
	plainEvent
	Elapsed seconds `json:"elapsed,omitempty"`
}

// MarshalJSON writes times in UTC and durations in seconds.
func (e Event) MarshalJSON() ([]byte, error) {
	if !e.Time.IsZero() {
		e.Time = e.Time.UTC().Truncate(time.Millisecond)
	}
	return marshal(eventJSON{plainEvent(e), toSeconds(e.Elapsed)})
}

// UnmarshalJSON reads what MarshalJSON writes; unknown fields are ignored.
func (e *Event) UnmarshalJSON(data []byte) error {
	var j eventJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*e = Event(j.plainEvent)
	e.Elapsed = j.Elapsed.duration()
	return nil
}

type plainArtifact Artifact

type artifactJSON struct {
	plainArtifact
	Elapsed seconds `json:"elapsed,omitempty"`
}

// MarshalJSON writes durations in seconds.
func (a Artifact) MarshalJSON() ([]byte, error) {
	return marshal(artifactJSON{plainArtifact(a), toSeconds(a.Elapsed)})
}

// UnmarshalJSON reads what MarshalJSON writes; unknown fields are ignored.
func (a *Artifact) UnmarshalJSON(data []byte) error {
	var j artifactJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*a = Artifact(j.plainArtifact)
	a.Elapsed = j.Elapsed.duration()
	return nil
}
