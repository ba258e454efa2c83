//go:build !race

package pluginhost_test

// raceDetector says that programs have the race detector.
const raceDetector = false
