//! The fuzz targets: one command for a newcomer.
pub(crate) fn run(_arguments: &[String]) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
