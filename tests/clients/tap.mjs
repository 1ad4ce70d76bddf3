// A minimal reporter for test programs: one line per check, exit status 1 when any failed.
let failed = 0
let reported = 0

export async function check(name, body) {
  reported++
  try {
    await body()
    console.log(`ok - ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok - ${name}: ${String(error.message ?? error).replaceAll('\n', ' ')}`)
  }
}

// Passes when the call is refused with that error code (and, where given, that text).
export async function refused(name, code, text, call) {
  await check(name, async () => {
    try {
      await call()
    } catch (error) {
      if (error.name !== code) throw new Error(`${error.name}: ${error.message}, expected ${code}`)
      if (text !== undefined && !error.message.includes(text)) throw new Error(`said: ${error.message}`)
      return
    }
    throw new Error(`succeeded, expected ${code}`)
  })
}

export function finish() {
  if (reported === 0) console.log('not ok - nothing was checked')
  process.exit(failed > 0 || reported === 0 ? 1 : 0)
}
