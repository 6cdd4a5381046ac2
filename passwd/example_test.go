package passwd_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// changeEverybody stands for an *ispmail.Store.
type changeEverybody struct{}

func (changeEverybody) ChangePassword(_ context.Context, _, current, _ string) error {
	if current != "summersun" {
		return ispmail.ErrBadCredentials
	}
	return nil
}

func Example() {
	service, err := passwd.New(passwd.Config{Changer: changeEverybody{}}) // or an *ispmail.Store
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(service.API()) // or http.ListenAndServe("127.0.0.1:8080", service.API())
	defer server.Close()

	for _, current := range []string{"summersun", "wintermoon"} {
		response, err := http.PostForm(server.URL+"/api/password", url.Values{
			"user": {"john@example.org"}, "curpass": {current}, "newpass": {"correct horse battery staple"},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(response.Status)
		_ = response.Body.Close()
	}
	// Output:
	// 200 OK
	// 403 Forbidden
}
