package passwd_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="teal"/></svg>`

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, image.NewGray(image.Rect(0, 0, width, height))))
	return file.Bytes()
}

func TestOperator(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: &changer{}, Operator: passwd.Operator{
		Help: map[string]string{
			"":   "Call <b>us</b> & ask.\r\n\r\n\r\nOffice 1\nMonday\n",
			"de": "Rufen Sie uns an.",
		},
		HelpURL: "mailto:help@example.org", ImprintURL: "https://example.org/imprint?a=b&c", PrivacyURL: "https://example.org/privacy",
		Accent: "#7A3B00",
	}})
	page := service.Page()
	help := func(language string) (document, []string) {
		d := parsePage(t, visit(page, http.MethodGet, "/?lang="+language, ""))
		section := document{d.with("id", "forgotten")[0].Parent}
		var texts []string
		for n := range section.ChildNodes() {
			if n.Data == "p" {
				texts = append(texts, document{n}.text())
			}
		}
		return d, texts
	}
	d, texts := help("en")
	assert.Equal(t, []string{"Call <b>us</b> & ask.", "Office 1 Monday", "Help"}, texts)
	for _, url := range []string{"mailto:help@example.org", "https://example.org/imprint?a=b&c", "https://example.org/privacy"} {
		assert.Len(t, d.with("href", url), 1, url)
	}
	_, texts = help("fr")
	assert.Equal(t, "Call <b>us</b> & ask.", texts[0], "who has no text of their own gets the common one")
	_, texts = help("de")
	assert.Equal(t, []string{"Rufen Sie uns an.", "Hilfe"}, texts)
	assert.Contains(t, visit(page, http.MethodGet, "/style.css", "").Body.String(), "--accent: #7a3b00;")

	styles := map[string]bool{}
	style := func() {
		styles[parsePage(t, visit(page, http.MethodGet, "/", "")).with("rel", "stylesheet")[0].attr("href")] = true
	}
	style()
	require.Error(t, service.SetOperator(passwd.Operator{Accent: "#ffffff"}))
	style()
	assert.Len(t, styles, 1, "what is wrong changes nothing")
	require.NoError(t, service.SetOperator(passwd.Operator{}))
	style()
	assert.Len(t, styles, 2, "no browser shows the old one")
	d, texts = help("en")
	assert.Equal(t, []string{"The administrators of this mail server can give you a new one. Please ask them."}, texts)
	assert.Len(t, d.with("href", ""), 1+6, "style and languages")
	require.NoError(t, service.SetOperator(passwd.Operator{Help: map[string]string{"nl": "Bel ons."}}))
	_, texts = help("nl")
	assert.Equal(t, []string{"Bel ons."}, texts)
	_, texts = help("en")
	assert.Contains(t, texts[0], "The administrators")
}

func TestOperatorLogo(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: &changer{}})
	page := service.Page()
	for _, path := range []string{"/logo.svg", "/logo.png"} {
		assert.Equal(t, http.StatusNotFound, visit(page, http.MethodGet, path, "").Code)
	}
	for path, content := range map[string][]byte{
		"/logo.svg": []byte(`<?xml version="1.0" encoding="UTF-8"?><!-- x -->` + strings.Replace(svg, "<rect", "<script>alert(1)</script><rect", 1)),
		"/logo.png": picture(t, 10, 20),
	} {
		require.NoError(t, service.SetOperator(passwd.Operator{Logo: content}))
		d := parsePage(t, visit(page, http.MethodGet, "/", ""))
		img := d.with("class", "logo")
		require.Len(t, img, 1)
		assert.Empty(t, img[0].attr("alt"), "the name of the site is there as text")
		assert.Regexp(t, "^"+path[1:]+`\?[0-9a-f]{8}$`, img[0].attr("src"))
		assert.Equal(t, img[0].attr("src"), d.with("rel", "icon")[0].attr("href"))
		w := visit(page, http.MethodGet, "/"+img[0].attr("src"), "")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, content, w.Body.Bytes())
		assert.Equal(t, map[string]string{"/logo.svg": "image/svg+xml", "/logo.png": "image/png"}[path], w.Header().Get("Content-Type"))
		assert.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox", w.Header().Get("Content-Security-Policy"), "nothing runs in it, also alone")
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		w = visit(page, http.MethodPost, path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, http.StatusNotFound, visit(page, http.MethodGet, path+"/", "").Code)
		other := map[string]string{"/logo.svg": "/logo.png", "/logo.png": "/logo.svg"}[path]
		assert.Equal(t, http.StatusNotFound, visit(page, http.MethodGet, other, "").Code, "there is one at a time")
	}
}

func TestOperatorRefused(t *testing.T) {
	t.Parallel()
	help := func(text string) passwd.Operator { return passwd.Operator{Help: map[string]string{"": text}} }
	for _, tt := range []struct {
		operator passwd.Operator
		want     string
	}{
		{passwd.Operator{HelpURL: "example.org"}, "HelpURL is not a URL that starts with https://, http:// or mailto:"},
		{passwd.Operator{HelpURL: "mailto:"}, "HelpURL is not"},
		{passwd.Operator{HelpURL: "javascript:alert(1)"}, "HelpURL is not"},
		{passwd.Operator{ImprintURL: "/imprint"}, "ImprintURL is not a URL that starts with https:// or http://"},
		{passwd.Operator{ImprintURL: "mailto:help@example.org"}, "ImprintURL is not"},
		{passwd.Operator{PrivacyURL: "https://"}, "PrivacyURL is not"},
		{passwd.Operator{PrivacyURL: "data:text/html,x"}, "PrivacyURL is not"},
		{passwd.Operator{Help: map[string]string{"pt": "x"}}, `Help has a text in "pt", a language that the page does not have`},
		{passwd.Operator{Help: map[string]string{"DE": "x"}}, `Help has a text in "DE"`},
		{help(" \n\t"), "Help is empty"},
		{help("gr\xfc\xdfe"), "Help is not UTF-8"},
		{help("a\x00b"), "Help holds a character that cannot be seen"},
		{help(strings.Repeat("ü", 2001)), "Help has 2001 characters, and at most 2000 are shown"},
		{passwd.Operator{Logo: []byte{}}, "Logo is neither a PNG nor a well-formed SVG"},
		{passwd.Operator{Logo: []byte("GIF89a")}, "Logo is neither"},
		{passwd.Operator{Logo: []byte("<html><body>x</body></html>")}, "Logo is neither"},
		{passwd.Operator{Logo: []byte("<svg></svg>")}, "Logo is neither"}, // no namespace: browsers do not show it
		{passwd.Operator{Logo: []byte(strings.TrimSuffix(svg, "</svg>"))}, "Logo is neither"},
		{passwd.Operator{Logo: []byte(svg + "<b>")}, "Logo is neither"},
		{passwd.Operator{Logo: picture(t, 4097, 1)}, "Logo is 4097 pixels wide and 1 high, and neither may be more than 4096"},
		{passwd.Operator{Logo: []byte(svg + strings.Repeat(" ", 100<<10))}, "Logo has 101 KiB, and at most 100 are served"},
		{passwd.Operator{Accent: "teal"}, `Accent "teal" is not a colour such as #0b6470`},
		{passwd.Operator{Accent: "#fff"}, "is not a colour"},
		{passwd.Operator{Accent: "#0b64700"}, "is not a colour"},
		{passwd.Operator{Accent: "#0b647g"}, "is not a colour"},
		{passwd.Operator{Accent: "0b6470"}, "is not a colour"},
		{passwd.Operator{Accent: "#ffcc00"}, "Accent #ffcc00 has a contrast of 1.5 with white, and people need 4.5 to read it: #"},
	} {
		_, err := passwd.New(passwd.Config{Changer: &changer{}, Operator: tt.operator})
		require.ErrorContains(t, err, tt.want)
		assert.Equal(t, 1, strings.Count(err.Error(), "passwd: "))
	}
}

// TestAccents reads the style of many colours: what they are seen beside has the contrast of level AA, and what is refused is told a
// colour that is taken.
func TestAccents(t *testing.T) {
	t.Parallel()
	cards := regexp.MustCompile(`--card: #([0-9a-f]{6})`)
	set := regexp.MustCompile(`--accent: #([0-9a-f]{6}); --accent-hover: #([0-9a-f]{6}); --on-accent: #([0-9a-f]{6})`)
	levels := []byte("048cf")
	taken := 0
	service := newService(t, passwd.Config{Changer: &changer{}})
	for _, r := range levels {
		for _, g := range levels {
			for _, b := range levels {
				accent := "#" + strings.Repeat(string(r), 2) + strings.Repeat(string(g), 2) + strings.Repeat(string(b), 2)
				if err := service.SetOperator(passwd.Operator{Accent: accent}); err != nil {
					better := regexp.MustCompile(`: (#[0-9a-f]{6}) would do$`).FindStringSubmatch(err.Error())
					require.Len(t, better, 2, err)
					accent = better[1]
					require.NoError(t, service.SetOperator(passwd.Operator{Accent: accent}))
				} else {
					taken++
				}
				style := visit(service.Page(), http.MethodGet, "/style.css", "").Body.String()
				card, colours := cards.FindAllStringSubmatch(style, -1), set.FindAllStringSubmatch(style, -1)
				require.Len(t, card, 2)
				require.Len(t, colours, 2)
				for i := range colours { // light, dark
					link, hover, text := rgb(colours[i][1]), rgb(colours[i][2]), rgb(colours[i][3])
					assert.GreaterOrEqual(t, browsertest.Contrast(link, rgb(card[i][1])), 4.5, accent)
					assert.GreaterOrEqual(t, browsertest.Contrast(link, text), 4.5, accent)
					assert.GreaterOrEqual(t, browsertest.Contrast(hover, text), 4.5, accent)
				}
			}
		}
	}
	assert.Greater(t, taken, 30)
	assert.Less(t, taken, 100)
}

func rgb(hex string) []float64 {
	colour := make([]float64, 3)
	for i := range colour {
		for _, digit := range hex[2*i : 2*i+2] {
			colour[i] = 16*colour[i] + float64(strings.IndexRune("0123456789abcdef", digit))
		}
	}
	return colour
}
