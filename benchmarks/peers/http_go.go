// An event stream on net/http: a handler with a ticker for each client, as the
// documentation of http.Flusher and time.Ticker suggests.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

func events(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "cannot stream", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for number := 0; ; number++ {
		now := time.Now().Format("15:04:05")
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", number, now); err != nil {
			return
		}
		flusher.Flush()
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/events", events)
	log.Fatal(http.Serve(listener, nil))
}
