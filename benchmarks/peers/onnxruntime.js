// Times predictions of the tower by ONNX Runtime:
//
//   node onnxruntime.js MODEL PACKAGES [--data DIR] [--threads N] [--batches N,…] [--seconds S] [--repetitions N]
//                       [--accuracy]
//
// PACKAGES is the node_modules folder with onnxruntime-node, DIR one with MNIST's gzip files (without it: noise).
// Batches of 1, 64 and 1000 images that are normalised floats already, as the model takes them; reading and normalising
// are not timed, in ONNX Runtime's favour. One JSON object per batch size on standard output: the least mean of the
// repetitions of S seconds each, and the median of all runs. --accuracy: that of the test set with it.
'use strict';

const fs = require('fs');
const path = require('path');
const util = require('util');
const zlib = require('zlib');

const {values: options, positionals: [modelPath, packages]} = util.parseArgs({
    allowPositionals: true,
    options: {
        data: {type: 'string'}, threads: {type: 'string', default: '1'}, accuracy: {type: 'boolean', default: false},
        batches: {type: 'string', default: '1,64,1000'}, seconds: {type: 'string', default: '0.5'},
        repetitions: {type: 'string', default: '5'},
    },
});
const {data} = options;
const runtime = require(path.resolve(packages, 'onnxruntime-node'));

const PIXELS = 28 * 28;
const COUNT = 10000;
const CHUNK = 1000;
const WARM_UP_RUNS = 3;

function readIdx(name, header) {
    return zlib.gunzipSync(fs.readFileSync(path.join(data, name))).subarray(header);
}

function loadImages() {
    const images = new Float32Array(COUNT * PIXELS);
    const bytes = data ? readIdx('t10k-images-idx3-ubyte.gz', 16) : null;

    for (let i = 0; i < images.length; i++) {
        images[i] = bytes ? (bytes[i] / 255 - 0.1307) / 0.3081 : Math.random();
    }
    return images;
}

function batchOf(images, first, size) {
    const pixels = images.subarray(first * PIXELS, (first + size) * PIXELS);

    return {image: new runtime.Tensor('float32', pixels, [size, 1, 28, 28])};
}

async function accuracy(session, images) {
    const labels = readIdx('t10k-labels-idx1-ubyte.gz', 8);
    let right = 0;

    for (let first = 0; first < COUNT; first += CHUNK) {
        const {logits} = await session.run(batchOf(images, first, CHUNK));
        for (let i = 0; i < CHUNK; i++) {
            const row = logits.data.subarray(10 * i, 10 * i + 10);
            right += row.indexOf(Math.max(...row)) === labels[first + i] ? 1 : 0;
        }
    }
    return right / COUNT;
}

// Microseconds of a run: the least mean of the repetitions, and the median of all.
async function time(session, feeds) {
    const times = [];
    let least = Infinity;

    for (let run = 0; run < WARM_UP_RUNS; run++) {
        await session.run(feeds);
    }
    for (let repetition = 0; repetition < Number(options.repetitions); repetition++) {
        const started = process.hrtime.bigint();
        let runs = 0, before = 0, elapsed = 0;
        while (elapsed < 1e9 * Number(options.seconds)) {
            await session.run(feeds);
            runs++;
            elapsed = Number(process.hrtime.bigint() - started);
            times.push((elapsed - before) / 1000);
            before = elapsed;
        }
        least = Math.min(least, elapsed / runs / 1000);
    }
    times.sort((a, b) => a - b);
    return [least, times[times.length >> 1]];
}

async function main() {
    const session = await runtime.InferenceSession.create(modelPath, {
        intraOpNumThreads: Number(options.threads), interOpNumThreads: 1, executionMode: 'sequential',
        graphOptimizationLevel: 'all'});
    const images = loadImages();
    const test_accuracy = data && options.accuracy ? await accuracy(session, images) : undefined;

    for (const batch of options.batches.split(',').map(Number)) {
        const [microseconds, median_microseconds] = await time(session, batchOf(images, 0, batch));
        const result = {batch, microseconds, median_microseconds, images_per_second: 1e6 * batch / microseconds,
                        test_accuracy, threads: Number(options.threads), version: runtime.env.versions.node};
        console.log(JSON.stringify(result));
    }
}

main().catch((error) => {
    console.error(`onnxruntime: ${error.message}`);
    process.exit(1);
});
