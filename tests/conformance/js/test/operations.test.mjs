// The four operations over h2c and HTTP/1.1: answered as AWS answers them, with personal data restored.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";

import {
  TRANSPORTS,
  collect,
  converse,
  messageText,
  native,
  nativeStreamText,
  nativeText,
  parse,
  stopReason,
  streamText,
} from "./support.mjs";

const PLAIN = "good morning, Grüße, 東京 \u{1f600}";
const PERSONAL = "write to alice.smith@example.com and bob.jones@example.net, please";

const OPERATIONS = {
  Converse: async (client, text) => messageText(await client.send(new ConverseCommand(converse(text)))),
  ConverseStream: async (client, text) =>
    streamText(await collect((await client.send(new ConverseStreamCommand(converse(text)))).stream)),
  InvokeModel: async (client, text) =>
    nativeText(parse((await client.send(new InvokeModelCommand(native(text)))).body)),
  InvokeModelWithResponseStream: async (client, text) => {
    const answer = await client.send(new InvokeModelWithResponseStreamCommand(native(text)));
    return nativeStreamText((await collect(answer.body)).map((event) => parse(event.chunk.bytes)));
  },
};

for (const [transport, connect] of Object.entries(TRANSPORTS)) {
  describe(`operations over ${transport}`, () => {
    for (const [name, call] of Object.entries(OPERATIONS)) {
      test(`${name} is answered`, async () => {
        assert.equal(await call(connect(), PLAIN), `You said: ${PLAIN}`);
      });

      test(`${name} restores personal data`, async () => {
        assert.equal(await call(connect(), PERSONAL), `You said: ${PERSONAL}`);
      });
    }

    test("an answer carries ids and usage", async () => {
      const answer = await connect().send(new ConverseCommand(converse("hello")));
      assert.equal(answer.stopReason, "end_turn");
      assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
      assert.ok(answer.$metadata.requestId);
      assert.equal(answer.$metadata.attempts, 1);
    });

    // Over h2c this client says GOAWAY at once and reads on: a server that closes then truncates the stream,
    // and a truncated stream ends without an error. So the stream is slow, and its last events are looked at.
    test("a slow stream is served to its last event after the client's GOAWAY", async () => {
      const text = "one two three four five six seven eight nine ten";
      const answer = await connect().send(new ConverseStreamCommand(converse(`[sim:pace 20] ${text}`)));
      const events = await collect(answer.stream);
      assert.match(streamText(events), new RegExp(`^You said: *${text} *$`));
      assert.equal(stopReason(events), "end_turn");
      assert.ok(events.at(-1).metadata.usage.outputTokens > 0);
    });

    test("a long stream arrives whole", async () => {
      const events = await collect(
        (await connect().send(new ConverseStreamCommand(converse("[sim:bytes 6000]")))).stream,
      );
      assert.ok(streamText(events).length >= 6000);
      assert.ok(events.at(-1).metadata);
    });

    test("streams side by side do not mix", async () => {
      const client = connect();
      const said = await Promise.all(
        Array.from({ length: 12 }, (_, turn) =>
          OPERATIONS.ConverseStream(client, `turn ${turn} [sim:pace 5]`),
        ),
      );
      for (const [turn, text] of said.entries()) assert.equal(text.trim(), `You said: turn ${turn}`);
    });

    test("a large prompt passes", async () => {
      const text = `${"lorem ipsum dolor sit amet ".repeat(40_000)}[sim:say done]`;
      assert.equal(await OPERATIONS.Converse(connect(), text), "done");
    });
  });
}
