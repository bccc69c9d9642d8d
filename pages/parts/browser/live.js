// Live pictures: grabbed from a clip, a camera or a film, sent to the session's stream, and recorded as they are drawn.
// Of the pictures under way the newest counts. A component that extends Live says what it asks (`question`), takes what
// comes back (`take`), and draws its screen for a recording (`drawScreen`).

const UNDER_WAY = 2 // pictures: one on its way while the one before is looked at
const HALF_A_TICK = 8 // milliseconds
const OVER_SO_LONG = 2000 // milliseconds that the rate is counted over
const RECORDED = 10000 // milliseconds of a film
const FILMS = ["video/mp4", "video/webm;codecs=vp9", "video/webm"]

class Live {
  constructor(root, film_name, film_size) {
    Object.assign(this, { root, film_name, film_size })
    for (const name of ["seen", "says", "rate", "record"]) this[name] = root.querySelector(`.${name}`)
    this.video = root.querySelector("video")
    this.sources = [...root.querySelectorAll("[data-source]")]
    this.photographs = new Image()
    this.sent = this.drawn = this.underWay = this.left = this.pace = 0
    this.times = []
    this.frozen = false
    this.source = "clip"
    this.began = performance.now()
    for (const one of this.sources) if (one.tagName === "BUTTON") one.onclick = () => this.choose(one.dataset.source)
    root.querySelector("input[type=file]").onchange = (event) => this.choose("film", event.target.files[0])
    this.record.onclick = () => this.roll()
    this.timer = requestAnimationFrame(() => this.tick())
  }

  close() {
    cancelAnimationFrame(this.timer)
    this.recorder?.stop()
    this.release()
    this.address = null
  }

  // What Python says: where pictures are sent, how large they are, and the clip.
  begin(data) {
    if (this.address !== data.address || this.seen.width !== data.side) this.size(data.side)
    this.data = data
    this.address = data.address
    if (this.photographs.src !== data.clip.sheet) this.photographs.src = data.clip.sheet
    for (const one of this.sources) one.classList.toggle("on", one.dataset.source === this.source)
  }

  // Another size empties the canvas; a frozen picture stays on it.
  size(side) {
    const frozen = this.frozen ? new OffscreenCanvas(this.seen.width, this.seen.height) : null
    frozen?.getContext("2d").drawImage(this.seen, 0, 0)
    this.seen.width = this.seen.height = side
    if (frozen) this.seen.getContext("2d").drawImage(frozen, 0, 0, side, side)
  }

  // Where pictures come from

  // A camera that is lent once something else was chosen, or the page was left, is given back at once.
  async choose(source, file) {
    const choice = (this.choice = {})
    const over = () => choice !== this.choice || !this.address
    this.release()
    this.says.textContent = this.trouble = ""
    const { notLent, refused, unplayable } = this.data.words
    try {
      if (source === "camera") {
        if (!navigator.mediaDevices?.getUserMedia) throw notLent
        const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } }).catch(() => { throw refused })
        if (over()) return camera.getTracks().forEach((track) => track.stop())
        this.video.srcObject = camera
        await this.video.play()
      } else if (source === "film") {
        if (!file) return
        this.film = URL.createObjectURL(file)
        this.video.src = this.film
        await this.video.play().catch(() => { throw unplayable })
      }
      if (over()) return
      this.source = source
    } catch (why) {
      if (over()) return
      this.release()
      this.source = "clip"
      this.says.textContent = typeof why === "string" ? why : refused
    }
    for (const one of this.sources) one.classList.toggle("on", one.dataset.source === this.source)
  }

  release() {
    this.video.srcObject?.getTracks().forEach((track) => track.stop())
    this.video.srcObject = null
    if (this.film) {
      this.video.removeAttribute("src")
      this.video.load()
      URL.revokeObjectURL(this.film)
    }
    this.film = null
  }

  // Draw the middle square of the source as the network is shown it; whether there was anything to draw.
  grab() {
    const brush = this.seen.getContext("2d")
    const side = this.data.side
    brush.imageSmoothingQuality = "high"
    if (this.source === "clip") {
      if (!this.photographs.complete || !this.photographs.naturalWidth) return false
      const { windows, aSecond, columns, side: edge } = this.data.clip
      const [picture, left, top, part] = windows[Math.floor(((performance.now() - this.began) / 1000) * aSecond) % windows.length]
      const x = (picture % columns) * edge
      const y = Math.floor(picture / columns) * edge
      brush.drawImage(this.photographs, x + left * edge, y + top * edge, part * edge, part * edge, 0, 0, side, side)
      return true
    }
    const { videoWidth: width, videoHeight: height } = this.video
    if (!width || this.video.readyState < 2) return false
    const edge = Math.min(width, height)
    brush.drawImage(this.video, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, side, side)
    return true
  }

  // There and back

  tick() {
    this.timer = requestAnimationFrame(() => this.tick())
    if (!this.data || document.hidden || this.underWay >= UNDER_WAY) return
    // A second picture leaves when the first is about done: sooner, it would wait there and grow old.
    if (this.underWay && performance.now() - this.left < this.pace - HALF_A_TICK) return
    if (this.frozen ? !this.changed : !this.grab()) return
    this.changed = false
    this.ask_about()
  }

  async ask_about() {
    const { address } = this
    const number = ++this.sent
    const began = (this.left = performance.now())
    this.underWay++
    try {
      const picture = await new Promise((done) => this.seen.toBlob(done, "image/jpeg", 0.9))
      const question = this.question()
      const answer = await fetch(`${address}?${new URLSearchParams(question)}`, { method: "POST", body: picture })
      if (address !== this.address || answer.status === 204) return
      if (!answer.ok) {
        const trouble = await answer.text()
        await new Promise((done) => setTimeout(done, 1000))
        if (address !== this.address) return // the page went on to another stream, and this one was closed
        this.says.textContent = this.trouble = trouble
        return
      }
      if (this.trouble) this.says.textContent = this.trouble = ""
      const [, took] = /dur=(\d+)/.exec(answer.headers.get("Server-Timing")) || [0, 0]
      this.pace += (took - this.pace) / 4
      await this.take(await answer.arrayBuffer(), number, question)
      this.count(began)
    } catch {
      await new Promise((done) => setTimeout(done, 1000)) // the server is away; it is asked again
    } finally {
      this.underWay--
    }
  }

  count(began) {
    const now = performance.now()
    this.times.push({ now, took: now - began })
    this.times = this.times.filter((one) => now - one.now < OVER_SO_LONG)
    const took = this.times.map((one) => one.took).sort((one, other) => one - other)
    const span = Math.max(now - this.times[0].now, 1)
    const rate = this.times.length > 1 ? Math.round(((this.times.length - 1) * 1000) / span) : 1
    const delay = Math.round(took[Math.floor(took.length / 2)])
    Object.assign(this.root.dataset, { rate, delay })
    this.rate.textContent = `${rate} ${rate === 1 ? 'frame' : 'frames'} a second, each ${delay} ms from the picture to what you see`
  }

  // The screen as a film: what is drawn is drawn once more on one canvas, which the browser itself encodes.

  roll() {
    if (this.recorder) return this.recorder.stop()
    const kind = FILMS.find((one) => window.MediaRecorder?.isTypeSupported(one))
    if (!kind || !this.drawn) return void (this.says.textContent = kind ? "" : this.data.words.unrecorded)
    const canvas = document.createElement("canvas")
    Object.assign(canvas, this.film_size)
    const parts = []
    this.screen = () => this.drawScreen(canvas.getContext("2d"))
    this.screen()
    const recorder = (this.recorder = new MediaRecorder(canvas.captureStream(), { mimeType: kind, videoBitsPerSecond: 6e6 }))
    recorder.ondataavailable = ({ data }) => parts.push(data)
    recorder.onstop = () => {
      clearTimeout(this.reel)
      this.recorder = this.screen = null
      this.record.classList.remove("on")
      this.record.textContent = "Record ten seconds"
      save(new Blob(parts, { type: kind }), `${this.film_name}.${kind.startsWith("video/mp4") ? "mp4" : "webm"}`)
    }
    recorder.start()
    this.record.classList.add("on")
    this.record.textContent = "Recording: stop"
    this.reel = setTimeout(() => recorder.stop(), RECORDED)
  }
}

function save(file, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}

function element(kind, words) {
  const made = document.createElement(kind)
  made.textContent = words
  return made
}
