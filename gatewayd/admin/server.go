package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// maxConnections bounds the open connections of one listener; more wait in the kernel's queue.
const maxConnections = 512

// A Server serves the API on listeners, with limits on what a client may keep.
type Server struct {
	http *http.Server
	wait sync.WaitGroup // of the serving goroutines
}

// Serve starts serving on the listeners, which it owns from now on, and returns at once. log gets what clients do wrong
// below HTTP, at level debug.
func Serve(handler http.Handler, listeners []net.Listener, log *slog.Logger) *Server {
	return serve(&http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// "OPTIONS *" shall be answered like every other unknown URL.
		DisableGeneralOptionsHandler: true,
	}, listeners, log)
}

func serve(server *http.Server, listeners []net.Listener, log *slog.Logger) *Server {
	s := &Server{http: server}
	for _, l := range listeners {
		s.wait.Go(func() {
			if err := s.http.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
				log.Error("The admin API stopped serving.", "address", l.Addr().String(), "error", err)
			}
		})
	}
	return s
}

// Close stops accepting, lets requests that are under way finish until ctx ends, then cuts them.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("admin API: %w", err), s.http.Close())
	}
	s.wait.Wait()
	return err
}
