// Times predictions of the tower by ONNX Runtime: node onnxruntime.js MODEL PACKAGES [DATA [THREADS]]
//
// PACKAGES is the node_modules folder with onnxruntime-node, DATA one with MNIST's gzip files (without it: noise, and
// no accuracy). Batches of 1, 64 and 1000 images that are normalised floats already, as the model takes them; reading
// and normalising are not timed, in ONNX Runtime's favour. One JSON object per batch size on standard output.
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const [modelPath, packages, data, threads = '1'] = process.argv.slice(2);
const runtime = require(path.resolve(packages, 'onnxruntime-node'));

const PIXELS = 28 * 28;
const COUNT = 10000;
const CHUNK = 1000;
const SECONDS = 0.5;
const REPETITIONS = 5;

function readIdx(name, header) {
    return zlib.gunzipSync(fs.readFileSync(path.join(data, name))).subarray(header);
}

function loadImages() {
    const images = Float32Array.from({length: COUNT * PIXELS}, () => Math.random());

    if (data) {
        const bytes = readIdx('t10k-images-idx3-ubyte.gz', 16);
        images.forEach((_, i) => { images[i] = (bytes[i] / 255 - 0.1307) / 0.3081; });
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

// Microseconds of a run, the least mean of the repetitions.
async function time(session, feeds) {
    let best = Infinity;

    await session.run(feeds);
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
        const started = process.hrtime.bigint();
        let runs = 0, elapsed = 0;
        while (elapsed < 1e9 * SECONDS) {
            await session.run(feeds);
            runs++;
            elapsed = Number(process.hrtime.bigint() - started);
        }
        best = Math.min(best, elapsed / runs / 1000);
    }
    return best;
}

async function main() {
    const session = await runtime.InferenceSession.create(modelPath, {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
        graphOptimizationLevel: 'all'});
    const images = loadImages();
    const test_accuracy = data ? await accuracy(session, images) : null;

    for (const batch of [1, 64, 1000]) {
        const microseconds = await time(session, batchOf(images, 0, batch));
        const result = {batch, microseconds, images_per_second: 1e6 * batch / microseconds,
                        test_accuracy, threads: Number(threads), version: runtime.env.versions.node};
        console.log(JSON.stringify(result));
    }
}

main().catch((error) => {
    console.error(`onnxruntime: ${error.message}`);
    process.exit(1);
});
