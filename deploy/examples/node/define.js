// node define.js URL HOST_UUID VM_UUID < DEK: seal a VM's key to a host, have it put there, print the secret's UUID.
// npm ci beforehand.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import amqp from "amqplib";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

const dashed = (text) => text.replaceAll("-", "").toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
const [url, host, vm] = [process.argv[2], dashed(process.argv[3]), dashed(process.argv[4])];
const user = decodeURIComponent(new URL(url).username) || "guest";
const connection = await amqp.connect(url);
const channel = await connection.createConfirmChannel(); // and mandatory: what reaches nobody is an error, and not silence

async function ask(message, fields) {
  const body = { [message]: { id: randomUUID(), hostUuid: host, createdTime: Date.now(), ...fields } };
  const reply = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no reply within 30 s")), 30000).unref();
    channel.once("return", () => reject(new Error("nobody serves that host")));
    channel.once("answer", (text) => resolve(Object.values(JSON.parse(text))[0]));
  });
  channel.publish("keyferry.p2p", "host." + host.replaceAll("-", ""), Buffer.from(JSON.stringify(body)), {
    contentType: "application/json", replyTo: "amq.rabbitmq.reply-to", userId: user, persistent: true, mandatory: true });
  const { success, error, ...answer } = await reply;
  if (!success) throw new Error(`${error.code}: ${error.details}`);
  return answer;
}

await channel.consume("amq.rabbitmq.reply-to", (m) => channel.emit("answer", m.content.toString()), { noAck: true });
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
const { publicKey } = await ask("HostEnvelopeKeyGetMsg", {});
const sender = await suite.createSenderContext({
  recipientPublicKey: await suite.kem.deserializePublicKey(new Uint8Array(Buffer.from(publicKey, "base64")).buffer),
  info: new TextEncoder().encode("keyferry dek v1") });
const aad = [host, vm, "vtpm", "tpm0", "1", ""].join("\n"); // the last: secretUuid, where one is wanted
const sealed = await sender.seal(new Uint8Array(readFileSync(0)), new TextEncoder().encode(aad));
const envelope = Buffer.concat([Buffer.from([0, 3]), Buffer.from(sender.enc), Buffer.from(sealed)]);
const { secretUuid } = await ask("SecretHostDefineMsg", {
  vmUuid: vm, purpose: "vtpm", keyVersion: 1, usageInstance: "tpm0", encryptedDek: envelope.toString("base64") });
console.log(secretUuid);
await connection.close();
