//go:build race

package passwd

const raceEnabled = true
