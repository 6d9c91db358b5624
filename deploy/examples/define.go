// define URL HOST_UUID VM_UUID < DEK: seal a VM's key to a host, have it put there, print the secret's UUID.
//
// On Debian: apt install golang-go golang-github-rabbitmq-amqp091-go-dev golang-github-cloudflare-circl-dev
// GO111MODULE=off GOPATH=/usr/share/gocode go run define.go ...
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/cloudflare/circl/hpke"
	amqp "github.com/rabbitmq/amqp091-go"
)

type fields map[string]interface{}

type answer struct {
	Success    bool
	PublicKey  []byte
	SecretUuid string
	Error      struct{ Code, Details string }
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// ask publishes one request and gives its answer.
func ask(channel *amqp.Channel, replies <-chan amqp.Delivery, user, host, message string, f fields) answer {
	id := make([]byte, 16)
	rand.Read(id)
	f["id"], f["hostUuid"], f["createdTime"] = hex.EncodeToString(id), host, time.Now().UnixMilli()
	body, err := json.Marshal(map[string]fields{message: f})
	must(err)
	returned := channel.NotifyReturn(make(chan amqp.Return, 1)) // mandatory: what reaches nobody is an error, and not silence
	must(channel.PublishWithContext(context.Background(), "keyferry.p2p", "host."+strings.ReplaceAll(host, "-", ""), true, false,
		amqp.Publishing{ContentType: "application/json", ReplyTo: "amq.rabbitmq.reply-to", UserId: user, DeliveryMode: amqp.Persistent, Body: body}))
	select {
	case <-returned:
		log.Fatal("nobody serves that host")
	case <-time.After(30 * time.Second):
		log.Fatal("no reply within 30 s")
	case reply := <-replies:
		var named map[string]answer
		must(json.Unmarshal(reply.Body, &named))
		for _, a := range named {
			if a.Success {
				return a
			}
			log.Fatalf("%s: %s", a.Error.Code, a.Error.Details)
		}
	}
	panic("an answer of no name")
}

func main() {
	url, host, vm := os.Args[1], strings.ToLower(os.Args[2]), strings.ToLower(os.Args[3]) // with dashes
	address, err := amqp.ParseURI(url)
	must(err)
	connection, err := amqp.Dial(url)
	must(err)
	defer connection.Close()
	channel, err := connection.Channel()
	must(err)
	replies, err := channel.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	must(err)
	key := ask(channel, replies, address.Username, host, "HostEnvelopeKeyGetMsg", fields{}).PublicKey

	public, err := hpke.KEM_X25519_HKDF_SHA256.Scheme().UnmarshalBinaryPublicKey(key)
	must(err)
	suite := hpke.NewSuite(hpke.KEM_X25519_HKDF_SHA256, hpke.KDF_HKDF_SHA256, hpke.AEAD_ChaCha20Poly1305)
	sender, err := suite.NewSender(public, []byte("keyferry dek v1"))
	must(err)
	enc, sealer, err := sender.Setup(rand.Reader)
	must(err)
	dek, err := io.ReadAll(os.Stdin)
	must(err)
	sealed, err := sealer.Seal(dek, []byte(strings.Join([]string{host, vm, "vtpm", "tpm0", "1", ""}, "\n")))
	must(err) // the last of these: secretUuid, where one is wanted
	envelope := append(append([]byte{0, 3}, enc...), sealed...)
	fmt.Println(ask(channel, replies, address.Username, host, "SecretHostDefineMsg", fields{"vmUuid": vm, "purpose": "vtpm",
		"keyVersion": 1, "usageInstance": "tpm0", "encryptedDek": envelope}).SecretUuid)
}
