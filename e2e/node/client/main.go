// Command client asks a model one question over HTTP and prints the whole answer, as a program of a department would.
//
// It is one file without libraries, so that an image needs nothing else.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: client URL QUESTION")
		os.Exit(2)
	}
	if err := ask(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(url, question string) error {
	response, err := post(url, question)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, answer)
	}
	_, err = os.Stdout.Write(answer)
	return err
}

// post tries again for a while where nobody answers: a proxy learns of a new endpoint about a second after the model is
// ready.
func post(url, question string) (*http.Response, error) {
	client := http.Client{Timeout: 30 * time.Second}
	deadline := time.Now().Add(10 * time.Second)
	for {
		response, err := client.Post(url, "application/json", strings.NewReader(question))
		if err == nil || time.Now().After(deadline) {
			return response, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
