// A square to draw a digit on, 32 x 32 levels of ink. Python hears of it once the pen rests.

const REST = 500 // milliseconds
const PEN = 4 // pixels of 32
const sketches = new WeakMap()

export default function ({ parentElement, setTriggerValue }) {
  let sketch = sketches.get(parentElement)
  if (!sketch) {
    sketch = new Sketch(parentElement)
    sketches.set(parentElement, sketch)
  }
  sketch.tell = (levels) => setTriggerValue("drawn", levels)
  return () => {
    clearTimeout(sketch.timer)
    sketches.delete(parentElement)
  }
}

class Sketch {
  constructor(parent) {
    this.canvas = parent.querySelector("canvas")
    this.brush = this.canvas.getContext("2d", { willReadFrequently: true })
    this.brush.lineWidth = PEN
    this.brush.lineCap = this.brush.lineJoin = "round"
    this.brush.strokeStyle = "black"
    this.wipe()
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId)
      clearTimeout(this.timer)
      this.from = this.at(event)
      this.line(this.from)
    }
    this.canvas.onpointermove = (event) => this.from && this.line(this.at(event))
    this.canvas.onpointerup = () => {
      this.from = null
      this.timer = setTimeout(() => this.tell(this.levels()), REST)
    }
    parent.querySelector("button").onclick = () => {
      this.wipe()
      this.tell([])
    }
  }

  wipe() {
    this.brush.fillStyle = "white"
    this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height)
  }

  at(event) {
    const scale = this.canvas.width / this.canvas.clientWidth
    return [event.offsetX * scale, event.offsetY * scale]
  }

  line(to) {
    this.brush.beginPath()
    this.brush.moveTo(...this.from)
    this.brush.lineTo(...to)
    this.brush.stroke()
    this.from = to
  }

  levels() {
    const { data } = this.brush.getImageData(0, 0, this.canvas.width, this.canvas.height)
    return Array.from({ length: data.length / 4 }, (_, place) => 255 - data[4 * place])
  }
}
