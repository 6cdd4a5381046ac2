package serve

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// OnReload calls reload at each SIGHUP, which "systemctl reload" sends, until ctx ends. After that SIGHUP does nothing, while
// requests finish.
func OnReload(ctx context.Context, reload func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-signals:
				reload()
			case <-ctx.Done():
				return
			}
		}
	}()
}
