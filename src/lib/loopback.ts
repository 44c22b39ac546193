/**
 * Whether a host is this machine, which may be spoken to without TLS.
 * @param hostname - as `URL.hostname` spells it
 */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
