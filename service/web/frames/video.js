// Decodes a video with the browser's own <video>, and goes to its frames one by one.
const FALLBACK_RATE = 25; // frames a second, if the browser cannot measure the rate
const MEASURED = 6; // frames
const PATIENCE_MS = 1500;

// Returns `{count, rate, grab(index)}`; `grab` returns a PNG.
export async function openVideo(file) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
  video.src = URL.createObjectURL(file);
  await first(video, "loadeddata");
  const duration = await durationOf(video);
  const rate = await rateOf(video);
  const count = Math.max(1, Math.floor(duration * rate + 0.5));
  return { count, rate, grab: (index) => grab(video, Math.min((index + 0.5) / rate, duration)) };
}

function first(video, event) {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("this browser cannot decode the video")), { once: true });
  });
}

// A recording of a browser has no duration until its end was looked for.
async function durationOf(video) {
  if (!Number.isFinite(video.duration)) await seek(video, Number.MAX_SAFE_INTEGER);
  return Number.isFinite(video.duration) ? video.duration : video.currentTime;
}

// The rate by the times of the first frames, which are known while the video plays.
async function rateOf(video) {
  await seek(video, 0);
  if (!video.requestVideoFrameCallback) return FALLBACK_RATE;
  const times = await timesOf(video);
  const gaps = times
    .slice(1)
    .map((time, i) => time - times[i])
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b);
  return gaps.length ? Math.round(100 / gaps[0]) / 100 : FALLBACK_RATE;
}

function timesOf(video) {
  const times = [];
  return new Promise((resolve) => {
    const end = () => resolve(times);
    const next = (_, { mediaTime }) => {
      times.push(mediaTime);
      if (times.length < MEASURED) video.requestVideoFrameCallback(next);
      else end();
    };
    video.requestVideoFrameCallback(next);
    video.addEventListener("ended", end, { once: true });
    setTimeout(end, PATIENCE_MS);
    video.play().catch(end);
  }).finally(() => video.pause());
}

async function seek(video, time) {
  const done = first(video, "seeked");
  video.currentTime = time;
  await done;
}

async function grab(video, time) {
  await seek(video, time);
  const canvas = Object.assign(document.createElement("canvas"), {
    width: video.videoWidth,
    height: video.videoHeight,
  });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
