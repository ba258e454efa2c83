//go:build race

package pluginhost_test

// raceDetector says that programs have the race detector, and so more memory
// than any limit allows.
const raceDetector = true
