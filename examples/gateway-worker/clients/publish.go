// Publishes with Go's own library: API=http://127.0.0.1:8283 API_KEY=open-sesame go run publish.go ROOM TEXT
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Answer is what the API said: Error.Code is for programs.
type Answer struct {
	Delivered int `json:"delivered"`
	Error     struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

var client = &http.Client{Timeout: 10 * time.Second}

func call(path string, body any, tries int) (Answer, error) {
	var answer Answer
	data, err := json.Marshal(body)
	if err != nil {
		return answer, err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return answer, err
	}
	// The same key in each try: what was done already is not done again.
	key := hex.EncodeToString(random)
	for left := tries - 1; ; left-- {
		status, err := try(path, data, key, &answer)
		if err == nil && status == http.StatusOK {
			return answer, nil
		}
		isPassing := err != nil || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
		if left == 0 || !isPassing {
			if err == nil {
				err = fmt.Errorf("%d %s: %s", status, answer.Error.Code, answer.Error.Message)
			}
			return answer, err
		}
		time.Sleep(time.Second)
	}
}

func try(path string, data []byte, key string, answer *Answer) (int, error) {
	request, err := http.NewRequest("POST", os.Getenv("API")+path, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("API_KEY"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	*answer = Answer{}
	return response.StatusCode, json.NewDecoder(response.Body).Decode(answer)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: publish ROOM TEXT")
		os.Exit(2)
	}
	body := map[string]any{"to": map[string]string{"group": os.Args[1]}, "message": os.Args[2]}
	answer, err := call("/publish", body, 3)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"delivered\":%d}\n", answer.Delivered)
}
