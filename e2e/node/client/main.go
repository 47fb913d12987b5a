// Command client asks a model over HTTP, as a program of a department would.
//
//	client ask URL QUESTION             one question; prints the whole answer
//	client try URL...                   one request each by GET and by POST; prints status, method and URL in lines
//	client load URL QUESTION SECONDS COUNT
//	                                    asks all the time, several at once, at least so long and so often; prints what
//	                                    became of it as JSON
//
// It is one file without libraries, so that an image needs nothing else.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How many ask at the same time under load: more than one replica answers at once.
const askers = 6

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 3 && arguments[0] == "ask":
		return ask(arguments[1], arguments[2])
	case len(arguments) > 1 && arguments[0] == "try":
		for _, url := range arguments[1:] {
			try(url)
		}
		return nil
	case len(arguments) == 5 && arguments[0] == "load":
		seconds, err := strconv.Atoi(arguments[3])
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(arguments[4])
		if err != nil {
			return err
		}
		return load(arguments[1], arguments[2], time.Duration(seconds)*time.Second, count)
	}
	return fmt.Errorf("usage: client ask URL QUESTION | try URL... | load URL QUESTION SECONDS COUNT")
}

func ask(url, question string) error {
	response, err := post(url, question)
	if err != nil {
		return err
	}
	answer, err := whole(response)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(answer)
	return err
}

// post tries again for a while where nobody answers: a proxy learns of a new endpoint about a second after the model is
// ready, and a model that has no replica takes its time to start, for which a gateway may keep a request.
func post(url, question string) (*http.Response, error) {
	client := http.Client{Timeout: 100 * time.Second}
	deadline := time.Now().Add(60 * time.Second)
	for {
		response, err := client.Post(url, "application/json", strings.NewReader(question))
		if err == nil || time.Now().After(deadline) {
			return response, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func whole(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, err
}

func try(url string) {
	client := http.Client{Timeout: 5 * time.Second}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		request, err := http.NewRequest(method, url, strings.NewReader("{}"))
		if err != nil {
			fmt.Println("-", method, url, err)
			continue
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			fmt.Println("-", method, url, err)
			continue
		}
		response.Body.Close()
		fmt.Println(response.StatusCode, method, url)
	}
}

// What became of a load.
type report struct {
	Requests            int      `json:"requests"`
	Failed              int      `json:"failed"`
	FirstFailures       []string `json:"firstFailures"`
	LongestMilliseconds int64    `json:"longestMilliseconds"`
	MeanMilliseconds    float64  `json:"meanMilliseconds"`
}

// load counts every request once: nothing is tried again, so that whatever is lost shows.
func load(url, question string, duration time.Duration, count int) error {
	var mutex sync.Mutex
	var total time.Duration
	var told report
	var group sync.WaitGroup
	end := time.Now().Add(duration)
	goesOn := func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return time.Now().Before(end) || told.Requests < count
	}
	for range askers {
		group.Add(1)
		go func() {
			defer group.Done()
			client := http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{}}
			for goesOn() {
				begun := time.Now()
				err := once(&client, url, question)
				took := time.Since(begun)
				mutex.Lock()
				told.Requests++
				total += took
				told.LongestMilliseconds = max(told.LongestMilliseconds, took.Milliseconds())
				if err != nil {
					told.Failed++
					if len(told.FirstFailures) < 5 {
						told.FirstFailures = append(told.FirstFailures, err.Error())
					}
				}
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	told.MeanMilliseconds = float64(total.Milliseconds()) / float64(max(told.Requests, 1))
	return json.NewEncoder(os.Stdout).Encode(told)
}

func once(client *http.Client, url, question string) error {
	response, err := client.Post(url, "application/json", strings.NewReader(question))
	if err != nil {
		return err
	}
	_, err = whole(response)
	return err
}
