package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const units = "../../../examples/deployment/usr/lib/systemd/system/"

// TestUnits: no unit of ours keeps a program down after a crash, or makes it crash on a machine with many processors.
func TestUnits(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(units + "*")
	require.NoError(t, err)
	ours, limited, accepting := 0, 0, 0
	for _, path := range paths {
		content, err := os.ReadFile(path) //nolint:gosec // our own file
		require.NoError(t, err)
		unit := string(content)
		has := func(pattern string) bool { return regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(unit) }
		if has("RestartPreventExitStatus=2") {
			ours++
			assert.True(t, has("Environment=GOTRACEBACK=crash"), "%s: a crash would end with 2", path)
			assert.True(t, has("LimitCORE=0"), path)
		}
		if tasks := regexp.MustCompile(`(?m)^TasksMax=(\d+)$`).FindStringSubmatch(unit); tasks != nil {
			limited++
			n, err := strconv.Atoi(tasks[1])
			require.NoError(t, err)
			assert.GreaterOrEqual(t, n, 512, path)
		}
		if has("Accept=yes") {
			accepting++
			assert.True(t, has(`MaxConnections=\d+`), path)
			assert.True(t, has("TriggerLimitIntervalSec=0"), "%s: a flood would end it", path)
		}
	}
	assert.Equal(t, 2, ours)
	assert.Equal(t, 4, limited)
	assert.Equal(t, 3, accepting)
}

// TestCrash: with the environment of the unit, a crash ends by a signal, and not with the exit code of a wrong setting.
func TestCrash(t *testing.T) {
	t.Parallel()
	const variable = "ISPMAIL_TEST_CRASH"
	if os.Getenv(variable) != "" {
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // as LimitCORE=0
		go func() { panic("on purpose") }()
		select {}
	}
	for traceback, wantSignal := range map[string]bool{"crash": true, "single": false} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$") //nolint:gosec // this test
		cmd.Env = append(os.Environ(), variable+"=yes", "GOTRACEBACK="+traceback)
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Run(), &exit)
		status, ok := exit.Sys().(syscall.WaitStatus)
		require.True(t, ok)
		if wantSignal {
			assert.Equal(t, syscall.SIGABRT, status.Signal())
		} else {
			assert.Equal(t, 2, status.ExitStatus(), "the test must be able to fail")
		}
	}
}
