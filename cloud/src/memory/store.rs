//! Where the document is kept: a directory, or a bucket of Google Cloud Storage.
//!
//! Each version is an object of its own, `memory-<20 digits>.json`, which is made
//! only where there is none: a hard link in a directory, `if-generation-match: 0`
//! in a bucket. So no writer can replace what another one wrote, and an earlier
//! version remains should the newest be damaged. Left out: deadlines and retries,
//! which are [`super::Memory`]'s.

use std::{path::PathBuf, str::FromStr, sync::Arc};

use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, RetryConfig, gcp::GoogleCloudStorageBuilder,
    local::LocalFileSystem, path::Path,
};
use tokio::{sync::OnceCell, task::spawn_blocking};
use tracing::debug;

use super::{
    document::{Document, MAX_BYTES, Unreadable},
    exchange::Exchanger,
};

/// Versions that remain beside the newest.
const KEPT: u64 = 3;

/// How often a listing that is no longer true is asked for anew.
const ATTEMPTS: u32 = 5;

/// Where the service keeps its memory, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory that exists.
    Directory(PathBuf),
    /// A bucket that exists, by its name.
    Bucket(String),
}

/// Neither a directory nor a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a directory, such as /var/lib/zerocam-cloud, nor a bucket, such as gs://NAME"
)]
pub struct InvalidPlace(String);

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match text.split_once("://") {
            Some(("gs", name)) if !name.is_empty() && name.chars().all(plain) => {
                Ok(Self::Bucket(name.to_owned()))
            }
            None if text.starts_with('/') => Ok(Self::Directory(text.into())),
            _ => Err(InvalidPlace(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Bucket(name) => write!(f, "gs://{name}"),
        }
    }
}

/// A version's number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u64);

impl Version {
    fn path(self) -> Path {
        Path::from(format!("memory-{:020}.json", self.0))
    }

    fn of(path: &Path) -> Option<Self> {
        let digits = path
            .as_ref()
            .strip_prefix("memory-")?
            .strip_suffix(".json")?;
        let version = Self(digits.parse().ok()?);
        (version.path() == *path).then_some(version)
    }
}

/// What became of an attempt to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is the newest version now.
    Newest,
    /// Another writer was faster.
    Overtaken,
}

/// Why the memory cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or bucket.
    #[error("{place}: {}", root(source))]
    Place {
        /// Where.
        place: Place,
        /// What the system or the host said.
        source: Error,
    },
    /// A document in it.
    #[error("{object} in {place}: {why}")]
    Document {
        /// Where.
        place: Place,
        /// Its name.
        object: Path,
        /// What is wrong with it.
        why: Unreadable,
    },
    /// The document has grown beyond all bounds.
    #[error("the memory has {bytes} bytes, at most {MAX_BYTES} are written")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The innermost error says what is the matter; those around it repeat paths.
fn root(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // Hosts answer with pages of XML.
    text.chars()
        .take(300)
        .collect::<String>()
        .replace('\n', " ")
}

/// See the module.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    objects: OnceCell<Arc<dyn ObjectStore>>,
}

impl Store {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            objects: OnceCell::const_new(),
        }
    }

    /// The newest version and its document, if anything was written yet, unless
    /// it is the one that the caller `knows`.
    pub(super) async fn newest(
        &self,
        knows: Option<Version>,
    ) -> Result<(Option<Version>, Option<Document>), StoreError> {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let newest = self.versions().await?.into_iter().max();
            let Some(version) = newest.filter(|_| newest != knows) else {
                return Ok((newest, None));
            };
            match self.read(version).await {
                // Several others have written since the listing.
                Err(StoreError::Place {
                    source: Error::NotFound { .. },
                    ..
                }) if attempts.next().is_some() => {}
                read => return Ok((newest, Some(read?))),
            }
        }
    }

    async fn read(&self, version: Version) -> Result<Document, StoreError> {
        let path = version.path();
        let objects = self.objects().await?;
        let found = objects.get(&path).await.map_err(|e| self.error(e))?;
        let parsed = if found.meta.size > MAX_BYTES as u64 {
            Err(Unreadable::Damaged(format!("{} bytes", found.meta.size)))
        } else {
            let json = found.bytes().await.map_err(|e| self.error(e))?;
            Document::parse(&json)
        };
        parsed.map_err(|why| StoreError::Document {
            place: self.place.clone(),
            object: path,
            why,
        })
    }

    /// Writes a version. It counts only if it is still the newest afterwards: a
    /// writer that was held up may find the number free again, because the
    /// version of that number was dropped as an old one.
    pub(super) async fn write(
        &self,
        version: Version,
        document: &Document,
    ) -> Result<Written, StoreError> {
        let json = document.to_json();
        if json.len() > MAX_BYTES {
            return Err(StoreError::TooLarge { bytes: json.len() });
        }
        let objects = self.objects().await?;
        let path = version.path();
        let put = objects.put_opts(&path, json.into(), PutMode::Create.into());
        match put.await {
            Err(Error::AlreadyExists { .. }) => return Ok(Written::Overtaken),
            written => written.map_err(|e| self.error(e))?,
        };
        let versions = self.versions().await?;
        if versions.iter().max() != Some(&version) {
            return Ok(Written::Overtaken);
        }
        for old in versions.iter().filter(|old| old.0 + KEPT < version.0) {
            if let Err(error) = objects.delete(&old.path()).await {
                debug!(%error, "an old version of the memory stays");
            }
        }
        Ok(Written::Newest)
    }

    async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        let objects = self.objects().await?;
        // Not what is in folders: a disk's own may be locked.
        let listed = objects.list_with_delimiter(None).await;
        let listed = listed.map_err(|e| self.error(e))?.objects;
        Ok(listed
            .iter()
            .filter_map(|it| Version::of(&it.location))
            .collect())
    }

    /// Opened when it is first used: a directory may be mounted late.
    async fn objects(&self) -> Result<&Arc<dyn ObjectStore>, StoreError> {
        let open = || async {
            let place = self.place.clone();
            // It looks at files.
            let opened = spawn_blocking(move || open(&place)).await;
            opened
                .unwrap_or_else(|ended| Err(ended.into()))
                .map_err(|e| self.error(e))
        };
        self.objects.get_or_try_init(open).await
    }

    fn error(&self, source: Error) -> StoreError {
        StoreError::Place {
            place: self.place.clone(),
            source,
        }
    }
}

fn open(place: &Place) -> Result<Arc<dyn ObjectStore>, Error> {
    Ok(match place {
        Place::Directory(path) => {
            Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true))
        }
        // On Google's machines these tell who the service is. Elsewhere a
        // user's credentials may (gcloud), but no service account's key: for
        // that it would have to sign.
        Place::Bucket(name) => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(name)
                .with_http_connector(Exchanger::new())
                .with_retry(RetryConfig {
                    max_retries: 0,
                    ..RetryConfig::default()
                })
                .build()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let read = |text: &str| text.parse::<Place>();
        let directory = Place::Directory("/var/lib/zerocam-cloud".into());
        assert_eq!(read("/var/lib/zerocam-cloud"), Ok(directory));
        assert_eq!(read("gs://cam-7.x"), Ok(Place::Bucket("cam-7.x".into())));
        for bad in ["", "here", "gs://", "gs://a/b", "s3://a", "gs://a?b"] {
            assert_eq!(read(bad), Err(InvalidPlace(bad.into())));
        }
    }

    #[test]
    fn one_name_per_version() {
        for number in [1, 7, u64::MAX] {
            let version = Version(number);
            assert_eq!(Version::of(&version.path()), Some(version));
        }
        assert_eq!(
            Version(7).path().as_ref(),
            "memory-00000000000000000007.json"
        );
        for other in [
            "memory-7.json",
            "memory-+0000000000000000007.json",
            "memory-00000000000000000007.json#1",
            "deep/memory-00000000000000000007.json",
            "lost+found",
        ] {
            assert_eq!(Version::of(&Path::from(other)), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_writer_that_was_held_up_does_not_count() {
        let directory = tempfile::TempDir::new().unwrap();
        let locked = directory.path().join("lost+found");
        std::fs::create_dir(&locked).unwrap();
        let store = Store::new(Place::Directory(directory.path().into()));
        let document = Document::default();
        assert_eq!(store.newest(None).await.unwrap(), (None, None));
        for number in 1..=6 {
            let written = store.write(Version(number), &document).await;
            assert_eq!(written.unwrap(), Written::Newest);
        }
        let kept: Vec<Version> = (3..=6).map(Version).collect();
        let mut versions = store.versions().await.unwrap();
        versions.sort_unstable();
        assert_eq!(versions, kept);
        // Its number is taken, or free again.
        for number in [6, 1] {
            let written = store.write(Version(number), &document).await;
            assert_eq!(written.unwrap(), Written::Overtaken);
        }
        let newest = store.newest(None).await.unwrap();
        assert_eq!(newest, (Some(Version(6)), Some(document)));
        let known = store.newest(Some(Version(6))).await.unwrap();
        assert_eq!(known, (Some(Version(6)), None));
    }
}
